package run_test

import (
	"testing"

	"goodstate.dev/goodstate/core/run"
)

func TestKindsOfEqualTypesAreToldApart(t *testing.T) {
	dir := t.TempDir()
	said := func(word string) func(*run.Run, string) (string, error) {
		return func(_ *run.Run, in string) (string, error) {
			return word + " " + in, nil
		}
	}
	kinds := func(e *run.Engine) {
		run.Register(e, "copy", said("copied"))
		run.Register(e, "drill", said("drilled"))
	}
	e, done := open(t, dir, kinds)
	for kind, want := range map[string]string{"copy": `"copied it"`, "drill": `"drilled it"`} {
		info, err := e.Start(t.Context(), run.Request{Kind: kind, Target: "application/" + kind, Who: "ann", Input: "it"})
		if err != nil {
			t.Fatal(err)
		}
		if info, err = e.Wait(t.Context(), info.ID); err != nil || string(info.Result) != want {
			t.Errorf("%s ended as %s %s, %v", kind, info.State, info.Result, err)
		}
	}
	done()
	open(t, dir, kinds)
}
