package hooks

import (
	"strings"
	"testing"
)

// pythonProject is what a team that writes Python has before every commit and every push.
const pythonProject = `services: {}
hooks:
  pre-commit:
    jobs:
      black: {run: "black -q {files}", types: [python], fix: true}
      flake8: {run: "flake8 {files}", types: [python]}
      pytest: {run: "pytest -q", files: ["*.py"], within: 60s}
  pre-push:
    jobs:
      bandit: {run: "bandit -q -r . -lll", files: ["*.py"]}
`

func pythonTeam(t *testing.T) *project {
	t.Helper()
	p := newProject(t, pythonProject)
	p.run("goodstate", "hooks", "install")
	p.write("pyproject.toml", "[tool.black]\nskip-string-normalization = true\n")
	p.write(".gitignore", "__pycache__/\n.pytest_cache/\n")
	p.write("price.py", "def total(price, number):\n    return price * number\n")
	p.write("test_price.py", "from price import total\n\n\ndef test_total():\n    assert total(2, 3) == 6\n")
	p.run("git", "add", "-A")
	p.run("git", "commit", "-q", "-m", "begin")
	return p
}

func TestPythonToolsJudgeAndRepairWhatIsStaged(t *testing.T) {
	p := pythonTeam(t)
	// Staged in part: black reads its settings beside the file, and what is not staged stays so.
	p.write("price.py", "def total( price,number ):\n    return price*number\n\n\ndef name():\n    return 'tea'\n\n\ndef last():\n    return 1\n")
	p.run("git", "add", "price.py")
	p.write("price.py", "def total( price,number ):\n    return price*number\n\n\ndef name():\n    return 'tea'\n\n\ndef last():\n    return 1\n\n\nUNSTAGED = undefined\n")
	p.run("git", "commit", "-q", "-m", "names")
	want := "def total(price, number):\n    return price * number\n\n\ndef name():\n    return 'tea'\n\n\ndef last():\n    return 1\n"
	if got := p.run("git", "show", "HEAD:price.py"); got != want {
		t.Errorf("what is committed is %q, want %q", got, want)
	}
	if got := p.run("cat", "price.py"); got != want+"\n\nUNSTAGED = undefined\n" {
		t.Errorf("the file on disk is %q", got)
	}
	p.run("git", "checkout", "-q", "price.py")

	// A test that passes only with what is not staged does not pass.
	p.write("price.py", strings.Replace(want, "price * number", "price + number", 1))
	p.run("git", "add", "price.py")
	p.write("price.py", want)
	if out, code := p.try("git", "commit", "-q", "-m", "wrong"); code == 0 || !strings.Contains(out, "pytest failed") || !strings.Contains(out, "assert 5 == 6") {
		t.Errorf("the commit ended with %d and %q", code, out)
	}
	p.run("git", "checkout", "-q", "HEAD", "price.py")

	p.write("price.py", want+"\n\nimport os\n")
	p.run("git", "add", "price.py")
	if out, code := p.try("git", "commit", "-q", "-m", "unused"); code == 0 || !strings.Contains(out, "flake8 failed") || !strings.Contains(out, "price.py:13:1: F401") {
		t.Errorf("the commit ended with %d and %q", code, out)
	}
}

func TestBanditJudgesWhatIsPushed(t *testing.T) {
	p := pythonTeam(t)
	remote := t.TempDir()
	p.run("git", "init", "-q", "--bare", remote)
	p.run("git", "remote", "add", "origin", remote)
	p.run("git", "push", "-q", "origin", "main")
	p.write("run.py", "import subprocess\n\n\ndef run(word):\n    subprocess.call('ls ' + word, shell=True)\n")
	p.run("git", "add", "-A")
	p.run("git", "commit", "-q", "-m", "runs anything")
	p.write("run.py", "") // what lies in the work tree is not what is pushed
	if out, code := p.try("git", "push", "-q", "origin", "main"); code == 0 || !strings.Contains(out, "bandit failed") || !strings.Contains(out, "B602") {
		t.Errorf("the push ended with %d and %q", code, out)
	}
}
