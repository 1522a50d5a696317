// Command goodstate-hook is what Git starts: it runs the hooks of a work tree in milliseconds, so it links nothing heavy.
package main

import (
	"os"

	"goodstate.dev/goodstate/hooks/client"
	_ "goodstate.dev/goodstate/hooks/rule/secrets" // rule secrets
)

func main() { os.Exit(client.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
