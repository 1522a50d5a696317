#!/usr/bin/env bash
# The cost of hooks at a commit: CPU and wall time of git commit alone, with an empty hook, with goodstate, and with lefthook, which is on PATH,
# in PEERS, or is fetched from npm.
# Three trivial jobs each, on a repository of 200 files and one of 50,000, with and without unstaged changes.
#
#   bench/hooks/run.sh                  # all
#   ROUNDS=9 SIZES="200" STAGED="1" PEERS=/dir/with/lefthook bench/hooks/run.sh
#
# It fails when goodstate costs more than its goals in any row: 40 ms of CPU above a bare commit on the small repository, 1.5 times a bare commit on the large
# one, and less than lefthook. LAX=1 only prints. Wall times move with the load of the machine; CPU and ratios move less.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=bench/hooks/peers.sh
. "$root/bench/hooks/peers.sh"
W=$(mktemp -d "$(room)/goodstate-bench.XXXXXX")
trap 'rm -rf "$W"' EXIT
mkdir "$W/bin"
(cd "$root" && go build -o "$W/bin" ./cmd/goodstate ./cmd/goodstate-hook ./bench/hooks/pair ./bench/hooks/grow)
have_lefthook "$W/peers" || { echo "lefthook is not to be had: nothing is compared with it" >&2; alone=yes; }
export PATH="$W/bin:$PATH" GIT_CONFIG_NOSYSTEM=1 HOME="$W" W
ROUNDS=${ROUNDS:-7} STAGED=${STAGED:-1 100} SIZES=${SIZES:-200 50000} PARTIAL=${PARTIAL:-no yes}

cat > "$W/prepare.sh" <<'P'
# Stages N changed files, and changes one of them again when UNSTAGED is yes.
set -e
cd "$W/$VARIANT"
git reset -q --hard "$(cat .git/base)"
git ls-files -z | head -z -n "$N" | xargs -0 sed -i '$s/$/ x/' --
git add -u
[ "$UNSTAGED" = no ] || git ls-files -z | head -z -n 1 | xargs -0 sed -i '1s/^/unstaged\n/' --
P

variants="none empty goodstate"
command -v lefthook > /dev/null && variants="$variants lefthook"
set_up() { # $1 is the variant, in its own clone
  cd "$W/$1"
  git rev-parse HEAD > .git/base
  git update-index -q --refresh || true
  case $1 in
  empty)
    printf '#!/bin/sh\nexit 0\n' > .git/hooks/pre-commit && chmod +x .git/hooks/pre-commit ;;
  goodstate)
    printf 'hooks:\n  pre-commit:\n    jobs:\n' > goodstate.yaml
    for j in a b c; do printf '      %s: {run: "true {files}"}\n' $j; done >> goodstate.yaml
    echo goodstate.yaml >> .git/info/exclude
    goodstate hooks install > /dev/null ;;
  lefthook)
    printf 'pre-commit:\n  parallel: true\n  commands:\n' > lefthook.yml
    for j in a b c; do printf '    %s: {run: "true {staged_files}"}\n' $j; done >> lefthook.yml
    echo lefthook.yml >> .git/info/exclude
    lefthook install > /dev/null 2>&1 ;;
  esac
}

for size in $SIZES; do
  grow -dir "$W/template" -files "$size"
  for v in $variants; do
    rm -rf "${W:?}/$v"
    cp -r "$W/template" "$W/$v"
    (set_up "$v")
  done
  rm -rf "$W/template"
  for N in $STAGED; do
    for part in $PARTIAL; do
      export N UNSTAGED=$part
      args=()
      for v in $variants; do args+=("$v=cd $W/$v && git commit -q -m x"); done
      pair -label "files=$size staged=$N partial=$part" -rounds "$ROUNDS" -prepare "bash $W/prepare.sh" "${args[@]}" | tee -a "$W/table"
    done
  done
done

awk -F'\t' -v lax="${LAX:-}" -v alone="${alone:-}" '
  { split($1, k, /[= ]/); size = k[2]; cpu[$1, $2] = $4; rows[$1] = size; if ($6 > 0) { print $1 ": " $2 " failed " $6 " times"; bad = 1 } }
  END {
    for (r in rows) {
      over = cpu[r, "goodstate"] - cpu[r, "none"]
      if (rows[r] < 10000 && over > 40) { printf "%s: %.0f ms above a bare commit, want at most 40\n", r, over; bad = 1 }
      if (rows[r] >= 10000 && cpu[r, "goodstate"] > 1.5 * cpu[r, "none"]) { printf "%s: %.2f times a bare commit, want at most 1.5\n", r, cpu[r, "goodstate"] / cpu[r, "none"]; bad = 1 }
      if ((r, "lefthook") in cpu && cpu[r, "goodstate"] > cpu[r, "lefthook"]) { printf "%s: lefthook is cheaper: %.0f and %.0f ms\n", r, cpu[r, "lefthook"], cpu[r, "goodstate"]; bad = 1 }
    }
    if (alone) { print "lefthook was not there"; bad = 1 }
    exit (bad && lax == "")
  }' "$W/table"
