// Command goodstate is the whole product in one program: command line, server, proxy and the keeper of instances.
package main

import (
	"os"

	"goodstate.dev/goodstate/app/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
