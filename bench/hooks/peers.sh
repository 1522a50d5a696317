# Finds lefthook for the comparison: on PATH, in PEERS, or from npm into the folder $1, without running anything that the package brings but the program itself.
# The version is pinned, so that a comparison is about the same thing next year.
lefthook_version=2.2.2

have_lefthook() { # $1 is a folder that may be written
  [ -z "${PEERS:-}" ] || PATH="$PEERS:$PATH"
  command -v lefthook > /dev/null && return 0
  local os arch
  case "$(uname -s)" in Linux) os=linux ;; Darwin) os=darwin ;; *) return 1 ;; esac
  case "$(uname -m)" in x86_64) arch=x64 ;; aarch64 | arm64) arch=arm64 ;; *) return 1 ;; esac
  if command -v npm > /dev/null &&
    npm install --silent --ignore-scripts --no-audit --no-fund --prefix "$1" "lefthook-$os-$arch@$lefthook_version" > /dev/null 2>&1; then
    PATH="$1/node_modules/lefthook-$os-$arch/bin:$PATH"
  elif command -v go > /dev/null; then
    GOBIN="$1/bin" GOFLAGS=-mod=mod go install "github.com/evilmartians/lefthook/v2@v$lefthook_version" > /dev/null 2>&1 || return 1
    PATH="$1/bin:$PATH"
  fi
  command -v lefthook > /dev/null
}

# room prints a folder for the work: in memory where there are 4 GB of it, since file systems on disk can make files dearer that were deleted a moment ago,
# which a benchmark does all the time and a person does not.
room() {
  if [ -z "${TMPDIR:-}" ] && [ -d /dev/shm ] && [ "$(df -k --output=avail /dev/shm 2> /dev/null | tail -n 1)" -gt 4000000 ] 2> /dev/null; then
    echo /dev/shm
  else
    echo "${TMPDIR:-/tmp}"
  fi
}
