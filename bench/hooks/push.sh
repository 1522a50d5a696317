#!/usr/bin/env bash
# What a server pays to judge a push: commits by the thousand on one branch, every message and every changed file, beside what Git itself takes to list the pushed
# objects and read them.
#
#   bench/hooks/push.sh                     # 1,000 and 10,000 commits
#   COMMITS="100" ROUNDS=3 bench/hooks/push.sh
#
# It fails when the largest push takes more than twice Git's CPU, or half as much memory again as the smallest. LAX=1 only prints.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=bench/hooks/peers.sh
. "$root/bench/hooks/peers.sh"
W=$(mktemp -d "$(room)/goodstate-push.XXXXXX")
trap 'rm -rf "$W"' EXIT
mkdir "$W/bin"
(cd "$root" && go build -o "$W/bin" ./cmd/goodstate ./bench/hooks/pair ./bench/hooks/grow)
export PATH="$W/bin:$PATH" GIT_CONFIG_NOSYSTEM=1 HOME="$W" W
COMMITS=${COMMITS:-1000 10000} ROUNDS=${ROUNDS:-3} most=0
for n in $COMMITS; do [ "$n" -le "$most" ] || most=$n; done
cat > "$W/policy.yaml" <<'Y'
hooks:
  server:
    message: {types: [feat, fix]}
    rules: {secrets: {}, private-key: {}, conflict-markers: {}, large-files: {max: 5120, all: true}}
    refs: {main: {}}
Y
grow -mixed -dir "$W/r" -files 500 -commits $((most + 1))
cd "$W/r/.git"
git config core.bare true
tip=$(git rev-parse main)
for n in $COMMITS; do
  base=$(git rev-parse "$tip~$n")
  git update-ref refs/heads/main "$base"
  echo "$base $tip refs/heads/main" > "$W/in"
  pair -label "commits=$n" -rounds "$ROUNDS" -prepare "rm -rf $W/r/.git/goodstate" \
    "git=git rev-list --objects $tip --not --all | cut -d' ' -f1 | git cat-file --batch > /dev/null" \
    "goodstate=goodstate hooks pre-receive --policy $W/policy.yaml < $W/in" | tee -a "$W/table"
  rm -rf "$W/r/.git/goodstate"
  goodstate hooks pre-receive --policy "$W/policy.yaml" < "$W/in" &
  pid=$! # its own memory, without that of the git processes that it starts
  while high=$(awk '/^VmHWM/ { print $2 }' "/proc/$pid/status" 2> /dev/null) && [ -n "$high" ]; do
    peak=$high
    sleep 0.02
  done
  wait "$pid"
  printf 'commits=%s\tmemory\t%s\n' "$n" "$((peak / 1024))" | tee -a "$W/table"
done
awk -F'\t' -v lax="${LAX:-}" '
  $2 == "memory" { mem[$1] = $3; next }
  { cpu[$1, $2] = $4; last = $1; if (NR <= 2) first = $1; if ($6 > 0) { print $1 ": " $2 " failed " $6 " times"; bad = 1 } }
  END {
    printf "%.2f times the CPU of git; %d MB, and %d MB for %s\n", cpu[last, "goodstate"] / cpu[last, "git"], mem[last], mem[first], first
    if (cpu[last, "goodstate"] > 2 * cpu[last, "git"]) { print "want at most twice"; bad = 1 }
    if (mem[last] > 1.5 * mem[first]) { print "the memory grows with the push"; bad = 1 }
    exit (bad && lax == "")
  }' "$W/table"
