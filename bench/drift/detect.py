#!/usr/bin/python3
"""What a look at a whole fleet costs: goodstate drift, once with new connections and once with the record full of the first look.

    detect.py                 200 real hosts (hosts.sh), then 5,000 hosts of the stand-in (fleet)
    detect.py --real 0        the stand-in alone

The controller's CPU and memory are the kernel's own account of its process (wait4). Goals: 5,000 hosts within 600 s and 512 MB, 200 real hosts within 120 s.
"""
import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "../..")
HOSTS = os.path.join(HERE, "hosts.sh")
LAB = os.environ.setdefault("LAB_NETNS", "gsbench")
os.environ.setdefault("LAB_DIR", "/run/gsbench")
CONFIG = """drift:
  playbooks:
    fleet:
      file: %s/playbooks/site20.yml
      inventory: [hosts.ini]
      shard: %d
      cap: {share: 100%%, at_once: 100}
  connections: {keep: 0s}
server: {listen: none}
"""


def measure(what, command, cwd, codes):
    began = time.monotonic()
    out = tempfile.TemporaryFile("w+")
    p = subprocess.Popen(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
    _, status, used = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    wall, cpu, mb = time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    out.seek(0)
    text = out.read()
    if p.returncode not in codes:
        sys.exit("%s: exit code %d\n%s" % (what, p.returncode, text[-3000:]))
    print("%-32s wall %7.1f s  controller %7.1f s CPU  memory %6.1f MB   %s" % (what, wall, cpu, mb, text.strip().splitlines()[-1]), flush=True)
    return wall, cpu, mb


def project(work, shard):
    for name in ("ansible.cfg",):
        shutil.copy(os.path.join(HERE, "playbooks", name), work)
    with open(os.path.join(work, "goodstate.yaml"), "w") as f:
        f.write(CONFIG % (HERE, shard))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--real", type=int, default=200)
    ap.add_argument("--stand-in", type=int, default=5000)
    ap.add_argument("--shard", type=int, default=50)
    ap.add_argument("--goodstate", default=os.path.join(ROOT, "bin/goodstate"))
    args = ap.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    ours, missed = os.path.abspath(args.goodstate), []

    def goal(what, is_met):
        print(("met:    " if is_met else "MISSED: ") + what, flush=True)
        if not is_met:
            missed.append(what)

    if args.real:
        try:
            with tempfile.TemporaryDirectory() as work:
                project(work, args.shard)
                subprocess.run([HOSTS, "up", str(args.real)], check=True)
                with open(os.path.join(work, "hosts.ini"), "w") as f:
                    subprocess.run([HOSTS, "inventory", str(args.real)], check=True, stdout=f)
                inside = ["ip", "netns", "exec", LAB]
                subprocess.run(inside + [ours, "playbook", "-i", os.path.join(work, "hosts.ini"), "-f", "50", "site20.yml"], cwd=HERE + "/playbooks", check=True, stdout=subprocess.DEVNULL)
                for n in ("first", "second"):
                    wall, _, _ = measure("%d real hosts, %s look" % (args.real, n), inside + [ours, "drift", "fleet"], work, (0, 2, 3))
                    goal("%d real hosts within %.0f s, want 120" % (args.real, wall), wall <= 120)
        finally:
            subprocess.run([HOSTS, "down"], check=False)
    if args.stand_in:
        with tempfile.TemporaryDirectory() as work:
            project(work, args.shard)
            subprocess.run(["go", "build", "-o", os.path.join(work, "fleet"), "./bench/drift/fleet"], cwd=ROOT, check=True)
            fleet = subprocess.Popen([os.path.join(work, "fleet"), "--hosts", str(args.stand_in), "--dir", work], stdout=subprocess.PIPE, text=True)
            try:
                print("the stand-in: " + fleet.stdout.readline().strip(), flush=True)
                for n in ("first", "second"):
                    wall, _, mb = measure("%d stand-in hosts, %s look" % (args.stand_in, n), [ours, "drift", "fleet"], work, (2, 3))
                    goal("%d hosts within %.0f s, want 600" % (args.stand_in, wall), wall <= 600)
                    goal("%.0f MB of memory, want at most 512" % mb, mb <= 512)
            finally:
                fleet.terminate()
                print("the stand-in: " + fleet.stdout.read().strip())
                fleet.wait()
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
