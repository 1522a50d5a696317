package app

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"goodstate.dev/goodstate/core/config"
)

var write = flag.Bool("write", false, "write the generated files of docs/")

// TestTheReferenceIsWhatTheProgramKnows fails when docs/ says something else than the structs; go test ./app -write mends it.
func TestTheReferenceIsWhatTheProgramKnows(t *testing.T) {
	schema, err := config.Schema[Config](ConfigName)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"schema.json": string(schema), "reference.md": config.Reference[Config]()} {
		path := filepath.Join("..", "docs", name)
		if *write {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != want {
			t.Errorf("%s is not what the program knows (%v); go test ./app -write writes it anew", path, err)
		}
	}
}
