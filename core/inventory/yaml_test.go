package inventory

import (
	"os"

	"goodstate.dev/goodstate/core/yaml11"
)

func readFile(path string) (any, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return yaml11.Load(path, text, yaml11.Options{})
}
