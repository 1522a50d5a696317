// Command program is the program of the runtimes' conformance suite, for an image.
package main

import (
	"fmt"
	"os"

	"goodstate.dev/goodstate/rollout/runtime/runtimetest"
)

func main() {
	runtimetest.Main()
	fmt.Fprintln(os.Stderr, "the suite has not said how to behave")
	os.Exit(98)
}
