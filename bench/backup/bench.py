#!/usr/bin/python3
"""What backups cost: goodstate beside Debian's restic, the same data, one run.

    SIZE=0.1 bench.py         a tenth of the data; 1 is 2 GiB mixed and 100,000 small files

Each step is one process; wall and CPU seconds and peak memory are the kernel's (wait4). GOODSTATE names the program.
"""
import filecmp
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

SIZE = float(os.environ.get("SIZE", "1"))
PROGRAM = os.path.abspath(os.environ.get("GOODSTATE", "bin/goodstate"))
MIB = 1 << 20
CONFIG = """data: data
server: {listen: none}
services: {}
secrets: {backup: {file: key}}
backup:
  repositories: {main: {folder: repo, password: {secret: backup}}}
  applications: {bench: {source: {files: {paths: [../src]}}, repository: main, rpo: 24h, rto: 24h}}
"""


def words(rng, size):
    known = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 11))) for _ in range(5000)]
    return " ".join(rng.choices(known, k=size // 5)).encode()[:size]


def mixed(src, rng):
    with open(src + "/random", "wb") as a, open(src + "/again", "wb") as b, open(src + "/words", "wb") as c:
        for i in range(max(4, int(896 * SIZE))):
            block = rng.randbytes(MIB)
            a.write(block)
            if i < max(1, int(256 * SIZE)):
                b.write(block)
            c.write(words(rng, MIB))


def small(src, rng):
    for i in range(max(100, int(100_000 * SIZE))):
        folder = f"{src}/{i // 1000}"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/{i}", "wb") as f:
            f.write(rng.randbytes(rng.randint(200, 8000)))


def change(src, rng):
    """Rewrites one small file in a hundred, or a hundredth of each large one."""
    for at, _, names in sorted(os.walk(src)):
        for name in sorted(names):
            path = os.path.join(at, name)
            size = os.path.getsize(path)
            if size < MIB and rng.random() >= 0.01:
                continue
            with open(path, "r+b") as f:
                f.seek(size // 2)
                f.write(rng.randbytes(max(100, size // 100)))


def measure(argv, cwd, env):
    log = tempfile.TemporaryFile()
    began = time.monotonic()
    child = subprocess.Popen(argv, cwd=cwd, env=env, stdout=log, stderr=subprocess.STDOUT)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - began
    if child.returncode:
        log.seek(0)
        sys.exit(f"{' '.join(argv)} ended with {child.returncode}, wanted 0:\n{log.read().decode(errors='replace')[-2000:]}")
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def equal(src, back):
    """Compares every byte of the tree with what was restored below its whole path."""
    back += os.path.realpath(src)
    for at, _, names in os.walk(src):
        there = back + at[len(src):]
        _, differ, missing = filecmp.cmpfiles(at, there, names, shallow=False)
        if differ or missing:
            sys.exit(f"restored {there}: differ {differ[:3]}, missing {missing[:3]}, wanted all equal")


def disk(root):
    return sum(os.path.getsize(os.path.join(at, n)) for at, _, names in os.walk(root) for n in names) / MIB


def run(kind, make, work):
    src = f"{work}/src"
    os.mkdir(src)
    make(src, random.Random(7))
    env = dict(os.environ, RESTIC_REPOSITORY="repo", RESTIC_PASSWORD_FILE="key", RESTIC_CACHE_DIR=f"{work}/restic/cache")
    peers = {
        "goodstate": {"init": ["backup", "init", "main"], "back": ["backup", "run", "bench"],
                      "restore": ["backup", "restore", "bench", "--to", "back"], "verify": ["backup", "verify", "main"]},
        "restic": {"init": ["init"], "back": ["backup", src], "restore": ["restore", "latest", "--target", "back"], "verify": ["check", "--read-data"]},
    }
    for name in peers:
        os.mkdir(f"{work}/{name}")
        with open(f"{work}/{name}/key", "w", opener=lambda p, f: os.open(p, f, 0o600)) as f:
            f.write("bench")
    with open(f"{work}/goodstate/goodstate.yaml", "w") as f:
        f.write(CONFIG)

    def step(what):
        got = {}
        for name, args in peers.items():
            got[name] = measure([PROGRAM if name == "goodstate" else "restic", *args[what]], f"{work}/{name}", env)
        return got

    step("init")
    for title, what in (("first", "back"), ("unchanged", "back"), ("1 % changed", "back"), ("restore", "restore"), ("verify", "verify")):
        if title == "1 % changed":
            change(src, random.Random(8))
        got = step(what)
        g, r = got["goodstate"], got["restic"]
        print(f"{kind:6} {title:12} wall {g[0]:7.2f} /{r[0]:7.2f} s  CPU {g[1]:7.2f} /{r[1]:7.2f} s  peak {g[2]:5.0f} /{r[2]:5.0f} MiB"
              f"  ratios {g[0] / r[0]:.2f} {g[1] / r[1]:.2f} {g[2] / r[2]:.2f}", flush=True)
    for name in peers:
        equal(src, f"{work}/{name}/back")
    g, r = disk(f"{work}/goodstate/repo"), disk(f"{work}/restic/repo")
    print(f"{kind:6} repository   {g:.1f} / {r:.1f} MiB  ratio {g / r:.3f}; every restored byte is equal", flush=True)


print(f"size {SIZE}; goodstate / restic")
for kind, make in (("mixed", mixed), ("small", small)):
    work = tempfile.mkdtemp(prefix="gsbench")
    try:
        run(kind, make, work)
    finally:
        shutil.rmtree(work)
