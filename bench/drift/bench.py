#!/usr/bin/python3
"""What a play costs: goodstate beside ansible-core (pipelining on), on the same hosts, in one run.

    bench.py                  10 hosts with both engines, then 200 hosts with goodstate alone; ends with 1 when a goal is missed
    bench.py --hosts 3 --many 0 --phases second

The hosts are made by hosts.sh: real sshd processes with file systems of their own. CPU is counted by control groups, one for the controller and
one for the hosts, so that both can be told apart on one machine. Every run is bounded by --timeout. Goals are about the second run, which changes
nothing: 40 times less CPU in all, at most 20 ms of the controller's CPU a host, at most 150 MB of memory, and many hosts within 120 s.
"""
import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
HOSTS = os.path.join(HERE, "hosts.sh")
LAB = os.environ.setdefault("LAB_NETNS", "gsbench")
os.environ.setdefault("LAB_DIR", "/run/gsbench")
V1 = os.path.isdir("/sys/fs/cgroup/cpuacct")
PHASES = {"first": [], "second": [], "check": ["--check"]}


class Group:
    """A control group that counts the CPU of all that was ever in it."""

    def __init__(self, name):
        self.path = ("/sys/fs/cgroup/cpuacct/" if V1 else "/sys/fs/cgroup/") + name
        os.makedirs(self.path, exist_ok=True)

    def cpu(self):
        if V1:
            return int(open(self.path + "/cpuacct.usage").read()) / 1e9
        for line in open(self.path + "/cpu.stat"):
            if line.startswith("usage_usec"):
                return int(line.split()[1]) / 1e6
        return 0.0

    def pids(self):
        return [int(p) for p in open(self.path + "/cgroup.procs").read().split()]

    def enter(self):
        with open(self.path + "/cgroup.procs", "w") as f:
            f.write(str(os.getpid()))

    def end(self):
        for _ in range(100):
            pids = self.pids()
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            if not pids:
                return
            time.sleep(0.05)


def memory(pids):
    """MB of memory of the processes, shared parts once."""
    total = 0
    for pid in pids:
        try:
            for line in open("/proc/%d/smaps_rollup" % pid):
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        except OSError:
            pass
    return total / 1024


def run(args, name, command, hosts, inventory, phase):
    """One run of an engine; returns what it cost and its recap."""
    ctl, far = Group(LAB + "-ctl"), Group(LAB + "-hosts")
    env = dict(os.environ, ANSIBLE_PIPELINING="1", ANSIBLE_NOCOLOR="1", ANSIBLE_FORKS=str(args.forks))
    out = tempfile.TemporaryFile("w+")
    c0, f0, t0 = ctl.cpu(), far.cpu(), time.monotonic()
    p = subprocess.Popen(["ip", "netns", "exec", LAB] + command + ["-i", inventory, "-f", str(args.forks), args.playbook] + PHASES[phase],
                         stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=env, cwd=HERE + "/playbooks", preexec_fn=ctl.enter)
    peak = 0.0
    while True:
        peak = max(peak, memory(ctl.pids()))
        try:
            p.wait(0.1 if name == "goodstate" else 1)
            break
        except subprocess.TimeoutExpired:
            if time.monotonic() - t0 > args.timeout:
                ctl.end()
    wall = time.monotonic() - t0
    cost = ctl.cpu() - c0, far.cpu() - f0
    ctl.end()  # what stays for later connections
    out.seek(0)
    text = out.read()
    recap = {}
    for line in re.findall(r"^\S+ +: (ok=.*)$", text, re.M):
        for key, n in re.findall(r"(\w+)=(\d+)", line):
            recap[key] = recap.get(key, 0) + int(n)
    if p.returncode != 0 or recap.get("failed") or recap.get("unreachable") or recap.get("rescued") != hosts and "site20" in args.playbook:
        sys.exit("%s, %s run, exit code %s:\n%s" % (name, phase, p.returncode, text[-3000:]))
    print("%-10s %4d hosts  %-6s  wall %7.2f s  controller %7.2f s  hosts %7.2f s  memory %6.1f MB  ok=%d changed=%d"
          % (name, hosts, phase, wall, cost[0], cost[1], peak, recap["ok"], recap["changed"]), flush=True)
    return {"wall": wall, "ctl": cost[0], "all": sum(cost), "mb": peak, "recap": recap}


def lab(n, work):
    subprocess.run([HOSTS, "up", str(n)], check=True)
    path = os.path.join(work, "hosts-%d.ini" % n)
    with open(path, "w") as f:
        subprocess.run([HOSTS, "inventory", str(n)], check=True, stdout=f)
    return path


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--hosts", type=int, default=10)
    ap.add_argument("--many", type=int, default=200, help="hosts for goodstate alone; 0 for none")
    ap.add_argument("--phases", default="first,second,check")
    ap.add_argument("--playbook", default="site20.yml")
    ap.add_argument("--forks", type=int, default=50)
    ap.add_argument("--timeout", type=float, default=900)
    ap.add_argument("--goodstate", default=os.path.join(HERE, "../../bin/goodstate"))
    ap.add_argument("--alone", action="store_true", help="without ansible-core")
    args = ap.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the hosts are taken down
    ours = [os.path.abspath(args.goodstate), "playbook"]
    engines = {"goodstate": ours} if args.alone else {"ansible": ["ansible-playbook"], "goodstate": ours}
    missed, costs = [], {}

    def goal(what, is_met):
        print(("met:    " if is_met else "MISSED: ") + what, flush=True)
        if not is_met:
            missed.append(what)

    try:
        with tempfile.TemporaryDirectory() as work:
            inventory = lab(args.hosts, work)
            for name, command in engines.items():
                subprocess.run([HOSTS, "reset"], check=True)
                for phase in args.phases.split(","):
                    costs[name, phase] = run(args, name, command, args.hosts, inventory, phase)
            ours = costs["goodstate", "second"]
            if not args.alone:
                theirs = costs["ansible", "second"]
                ratio = theirs["all"] / ours["all"]
                goal("%.1f times less CPU than ansible-core, want 40" % ratio, ratio >= 40)
                for phase in args.phases.split(","):
                    a, b = costs["ansible", phase]["recap"], costs["goodstate", phase]["recap"]
                    goal("the same recap in the %s run: %s" % (phase, b), a == b)
            goal("%.1f ms of the controller's CPU a host, want at most 20" % (1000 * ours["ctl"] / args.hosts), ours["ctl"] / args.hosts <= 0.020)
            goal("%.0f MB of memory, want at most 150" % ours["mb"], ours["mb"] <= 150)
            if args.many:
                inventory = lab(args.many, work)
                for phase in ("first", "second"):
                    cost = run(args, "goodstate", engines["goodstate"], args.many, inventory, phase)
                    goal("%d hosts, %s run, within %.0f s, want 120" % (args.many, phase, cost["wall"]), cost["wall"] <= 120)
    finally:
        subprocess.run([HOSTS, "down"], check=False)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
