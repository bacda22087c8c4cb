//go:build tools

// Package stores names the S3 server that `go build` makes here, so that go.mod and go.sum fix its version.
package stores

import _ "github.com/versity/versitygw/cmd/versitygw"
