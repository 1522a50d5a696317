// Command goodstate is the whole product in one program: command line, server, proxy and the keeper of instances.
package main

import (
	"os"

	"goodstate.dev/goodstate/app/cli"
	"goodstate.dev/goodstate/drift/agent/serve"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "agent" { // on a host of the same kind, where no smaller agent was at hand
		os.Exit(serve.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
