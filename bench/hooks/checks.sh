#!/usr/bin/env bash
# Seven common checks on many staged files: our rules as a pre-commit hook, with all that Git does for it, beside the same checks in Python.
#
#   bench/hooks/checks.sh                              # 5,000 files
#   PCH=/checkout/of/pre-commit-hooks N=1000 bench/hooks/checks.sh
#
# With PCH it measures the originals; without, a floor under them: floor.py says what that is. What starts them (pre-commit, prek) is not counted either way. It fails when
# ours take more than a quarter of the CPU of theirs. LAX=1 only prints.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=bench/hooks/peers.sh
. "$root/bench/hooks/peers.sh"
W=$(mktemp -d "$(room)/goodstate-checks.XXXXXX")
trap 'rm -rf "$W"' EXIT
mkdir "$W/bin"
(cd "$root" && go build -o "$W/bin" ./cmd/goodstate ./cmd/goodstate-hook ./bench/hooks/pair ./bench/hooks/grow)
export PATH="$W/bin:$PATH" GIT_CONFIG_NOSYSTEM=1 HOME="$W" W
N=${N:-5000} ROUNDS=${ROUNDS:-5} PY=${PY:-/usr/bin/python3}
"$PY" -c 'import ruamel.yaml' || { echo "the checks in Python need ruamel.yaml (Debian: python3-ruamel.yaml)" >&2; exit 1; }

grow -mixed -dir "$W/r" -files "$N"
cd "$W/r"
git ls-files -z | xargs -0 sed -i 's/^\(.*\)first\(.*\)$/\1First\2/' --
git add -u
git diff --cached --name-only -z > "$W/list"
staged=$(tr -cd '\0' < "$W/list" | wc -c)
[ "$staged" = "$N" ] || { echo "$staged files are staged, want $N" >&2; exit 1; }
cat > goodstate.yaml <<'Y'
hooks:
  pre-commit:
    rules: {trailing-whitespace: {}, end-of-file: {}, yaml: {}, json: {}, large-files: {}, private-key: {}, conflict-markers: {}}
Y
echo goodstate.yaml >> .git/info/exclude
goodstate hooks install > /dev/null

command="$PY $root/bench/hooks/floor.py" label="floor of the originals"
[ -z "${PCH:-}" ] || { command="env PYTHONPATH=$PCH $PY -m pre_commit_hooks." label="originals"; }
{
  echo 'rc=0'
  for hook in trailing_whitespace_fixer:. end_of_file_fixer:. 'check_yaml:\.yaml$' 'check_json:\.json$' check_added_large_files:. detect_private_key:. check_merge_conflict:.; do
    name=${hook%%:*}
    [ -n "${PCH:-}" ] && start="$command$name" || start="$command $name"
    echo "tr '\\0' '\\n' < $W/list | grep -E '${hook#*:}' | xargs -P 2 -n 2500 $start || rc=1"
  done
  echo 'exit $rc'
} > "$W/python.sh"

pair -label "checks files=$N" -rounds "$ROUNDS" "goodstate=goodstate-hook pre-commit" "$label=bash $W/python.sh" | tee "$W/table"
awk -F'\t' -v lax="${LAX:-}" '
  { cpu[NR] = $4; if ($6 > 0) { print $2 " failed " $6 " times"; bad = 1 } }
  END {
    printf "%.2f of their CPU\n", cpu[1] / cpu[2]
    if (cpu[1] > cpu[2] / 4) { print "want at most a quarter"; bad = 1 }
    exit (bad && lax == "")
  }' "$W/table"
