#!/usr/bin/env bash
# Runs somebody else's traps for hook managers against goodstate: TRAPS is a traps.py with a table TOOLS, functions TRAPS and a main().
#
#   TRAPS=/path/to/traps.py bench/hooks/traps.sh [-k trap,trap] [-v]
#
# It fails unless every trap says OK.
set -euo pipefail
: "${TRAPS:?the path of traps.py}"
root=$(cd "$(dirname "$0")/../.." && pwd)
BIN=$(mktemp -d "${TMPDIR:-/tmp}/goodstate-traps.XXXXXX")
trap 'rm -rf "$BIN"' EXIT
(cd "$root" && go build -o "$BIN" ./cmd/goodstate ./cmd/goodstate-hook)
export BIN TRAPS
python3 - "$@" <<'P' | tee "$BIN/verdicts"
import os, types
source = open(os.environ["TRAPS"]).read()
traps = types.ModuleType("traps")
assert source.rstrip().endswith("main()"), "traps.py ends in another way than it used to"
exec(compile(source.rstrip()[: -len("main()")], os.environ["TRAPS"], "exec"), traps.__dict__)

def goodstate(d):
    traps.wr(d, "goodstate.yaml", "hooks:\n  pre-commit:\n    jobs:\n      h: {run: %r, fix: true}\n" % (traps.HOOK + " {files}"))
    traps.sh("echo goodstate.yaml >> .git/info/exclude; goodstate hooks install", d)

traps.TOOLS = {"goodstate": goodstate}
traps.main()
P
good=$(grep -cE $'\t(OK|hidden at kill: none.*OK restored)' "$BIN/verdicts" || true)
all=$(wc -l < "$BIN/verdicts")
echo "$good of $all"
[ "$good" = "$all" ]
