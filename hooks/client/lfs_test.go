package client

import (
	"os"
	"strings"
	"testing"

	"goodstate.dev/goodstate/hooks/plan"
)

// TestAPointerOfLFSIsWhatRulesSeeAndTheFileIsWhatJobsSee commits a file that Git LFS keeps elsewhere: a pointer is staged, and the file itself is on disk.
func TestAPointerOfLFSIsWhatRulesSeeAndTheFileIsWhatJobsSee(t *testing.T) {
	seen := t.TempDir() + "/seen"
	w := newTree(t, map[string]plan.Stage{"pre-commit": {
		Rules: []plan.Rule{{Name: "large-files", Options: []byte(`{"max":100,"all":true}`)}},
		Jobs:  []plan.Job{{Name: "size", Run: "wc -c {files} > " + seen}, {Name: "tidy", Fix: true, Run: "sed -i s/foo/formatted/ {files}", Select: plan.Select{Files: []string{"*.bin"}}}},
	}})
	w.base(map[string]string{".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n"})
	w.git("config", "filter.lfs.clean", "git-lfs clean -- %f")
	w.git("config", "filter.lfs.smudge", "git-lfs smudge -- %f")
	w.git("config", "filter.lfs.required", "true")
	w.stage("big.bin", strings.Repeat("words of a large file\n", 10_000)+"foo\n")
	w.git("commit", "-q", "-m", "large, and elsewhere")
	pointer := w.git("show", "HEAD:big.bin")
	if !strings.HasPrefix(pointer, "version https://git-lfs.github.com/spec/v1\n") || strings.Count(pointer, "\n") != 3 {
		t.Errorf("what is committed is %.200q, want a pointer", pointer)
	}
	if text := w.read("big.bin"); !strings.HasSuffix(text, "large file\nformatted\n") {
		t.Errorf("the file on disk ends with %.60q", text[max(0, len(text)-40):])
	}
	if size, err := os.ReadFile(seen); err != nil || !strings.HasPrefix(string(size), "220010 ") && !strings.HasPrefix(string(size), "220004 ") {
		t.Errorf("the job counted %q (%v), want the file's bytes and not the pointer's", size, err)
	}
	w.clean()
}
