package client

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// asHook makes the test binary findable as goodstate-hook.
func asHook(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(os.Args[0], filepath.Join(dir, "goodstate-hook")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

func TestInstallKeepsAndChainsWhatWasThereAndUninstallPutsItBack(t *testing.T) {
	asHook(t)
	w := newTree(t, nil)
	w.hooks(preCommit(tidy()))
	before := "#!/bin/sh\necho before ran with \"$#\" arguments\n[ -e refuse ] && exit 7\nexit 0\n"
	w.write(".git/hooks/pre-commit", before)
	if err := os.Chmod(w.path(".git/hooks/pre-commit"), 0o711); err != nil {
		t.Fatal(err)
	}
	for range 2 { // again changes nothing
		if _, err := Install(context.Background(), w.repo(), []string{"pre-commit", "commit-msg"}, false); err != nil {
			t.Fatal(err)
		}
	}
	w.stage("a.txt", "foo\n")
	out := w.git("commit", "-q", "-m", "x")
	if !strings.Contains(out, "before ran with 0 arguments") {
		t.Errorf("the hook said %q, want that the one before ran", out)
	}
	w.is("HEAD:", "a.txt", "formatted\n")
	w.write("refuse", "")
	w.stage("a.txt", "foo again\n")
	if _, ok := w.try("commit", "-q", "-m", "x"); ok {
		t.Error("the hook that was there before refused, and the commit was made")
	}
	if _, err := Uninstall(context.Background(), w.repo()); err != nil {
		t.Fatal(err)
	}
	w.is("disk", ".git/hooks/pre-commit", before)
	info, err := os.Stat(w.path(".git/hooks/pre-commit"))
	if err != nil || info.Mode().Perm() != 0o711 {
		t.Errorf("the hook that is back has %v (%v), want 0711", info.Mode(), err)
	}
	for _, gone := range []string{"commit-msg", "pre-commit" + kept} {
		if _, err := os.Stat(w.path(".git/hooks/" + gone)); err == nil {
			t.Errorf("%s is still there", gone)
		}
	}
}

func TestInstallHonoursHooksPathAndAsksBeforeItIsShared(t *testing.T) {
	asHook(t)
	w := newTree(t, nil)
	w.git("config", "core.hooksPath", "team hooks")
	if _, err := Install(context.Background(), w.repo(), []string{"pre-commit"}, false); err != nil {
		t.Fatal(err)
	}
	if !isShim([]byte(w.read("team hooks/pre-commit"))) {
		t.Error("the hook is not in the folder that core.hooksPath names")
	}
	outside := t.TempDir()
	w.git("config", "core.hooksPath", outside)
	if _, err := Install(context.Background(), w.repo(), []string{"pre-commit"}, false); err == nil || !strings.Contains(err.Error(), "--shared") {
		t.Errorf("the error is %v, want a word on --shared", err)
	}
	if _, err := Install(context.Background(), w.repo(), []string{"pre-commit"}, true); err != nil {
		t.Fatal(err)
	}
	if path := w.git("config", "core.hooksPath"); path != outside+"\n" {
		t.Errorf("core.hooksPath is %q now", path)
	}
}

func TestAHookWithoutItsProgramSaysWhatIsMissing(t *testing.T) {
	w := newTree(t, nil)
	w.write(".git/hooks/pre-commit", string(shim("/nowhere/it's/goodstate-hook", "pre-commit")))
	if err := os.Chmod(w.path(".git/hooks/pre-commit"), 0o755); err != nil {
		t.Fatal(err)
	}
	w.env = append(w.env, "PATH=/usr/bin:/bin")
	w.stage("a.txt", "a\n")
	out, ok := w.try("commit", "-q", "-m", "x")
	if ok || !strings.Contains(out, "goodstate-hook is neither at /nowhere/it's/goodstate-hook nor on PATH") {
		t.Errorf("the commit ended with %v and %q", ok, out)
	}
}

// TestTheCommandForGitsConfigurationPassesArguments runs the command as Git 2.54 does: through a shell, with the arguments added at its end.
func TestTheCommandForGitsConfigurationPassesArguments(t *testing.T) {
	dir := t.TempDir()
	hook := filepath.Join(dir, "it's a hook")
	if err := os.WriteFile(hook, []byte("#!/bin/sh\nprintf '%s|' \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	command := configCommand(hook, "commit-msg")
	out, err := exec.Command("sh", "-c", command+` "$@"`, command, ".git/COMMIT EDITMSG").CombinedOutput()
	if err != nil || string(out) != "commit-msg|--|.git/COMMIT EDITMSG|" {
		t.Errorf("the command gave %q (%v)", out, err)
	}
}

func TestConfigurationHooksAreWrittenAndTakenOut(t *testing.T) {
	w := newTree(t, nil)
	before := w.read(".git/config")
	for range 2 {
		if _, err := w.repo().installConfig(context.Background(), "/opt/goodstate-hook", []string{"pre-commit", "commit-msg"}); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(w.git("config", "--get-regexp", `^hook\..*\.event$`), "\n"); n != 2 {
		t.Errorf("there are %d events, want 2", n)
	}
	if got, want := w.git("config", "hook.goodstate-commit-msg.command"), configCommand("/opt/goodstate-hook", "commit-msg")+"\n"; got != want {
		t.Errorf("Git reads the command as %q, want %q", got, want)
	}
	asHook(t)
	if _, err := Install(context.Background(), w.repo(), []string{"pre-commit"}, false); err != nil {
		t.Fatal(err)
	}
	if out, ok := w.try("config", "--get-regexp", `^hook\.`); ok {
		t.Errorf("with the shim the hook would run twice: %s", out)
	}
	if _, err := w.repo().installConfig(context.Background(), "/opt/goodstate-hook", []string{"pre-commit"}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(w.path(".git/hooks/pre-commit")); err == nil {
		t.Error("with the configuration the hook would run twice: the shim is still there")
	}
	if _, err := Uninstall(context.Background(), w.repo()); err != nil {
		t.Fatal(err)
	}
	w.is("disk", ".git/config", before)
}

func TestMainRefusesWhatIsNoHook(t *testing.T) {
	var errs bytes.Buffer
	if code := Main([]string{"pre-tend"}, nil, nil, &errs); code != 64 || !strings.Contains(errs.String(), "pre-commit") {
		t.Errorf("the code is %d, and it said %q", code, errs.String())
	}
}
