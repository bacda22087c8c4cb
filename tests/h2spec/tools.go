//go:build tools

// Package h2spec names the program that `go build` makes here, so that go.mod and go.sum fix its version.
package h2spec

import _ "github.com/summerwind/h2spec/cmd/h2spec"
