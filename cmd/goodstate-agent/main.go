// Command goodstate-agent runs the modules of playbooks on a host. It is sent there, talks over its standard input and output, and ends when they close.
package main

import (
	"os"

	"goodstate.dev/goodstate/drift/agent/serve"
)

func main() { os.Exit(serve.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
