// Reads a compose file by the library that Docker Compose reads files with, and prints the project.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func project(files []string) (string, error) {
	options, err := cli.NewProjectOptions(files, cli.WithOsEnv, cli.WithEnvFiles(), cli.WithDotEnv)
	if err != nil {
		return "", err
	}
	read, err := options.LoadProject(context.Background())
	if err != nil {
		return "", err
	}
	text, err := read.MarshalYAML()
	return string(text), err
}

func main() {
	text, err := project(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Print(text)
}
