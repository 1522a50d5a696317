# The warm interpreter: it has loaded what all modules share, and forks for each call. It reads requests from its standard input and answers on
# its standard output; what a module writes goes into pipes.
import errno
import json
import os
import select
import struct
import sys


def take(fd, n):
    data = b""
    while len(data) < n:
        part = os.read(fd, min(n - len(data), 1 << 20))
        if not part:
            return None
        data += part
    return data


def send(fd, data):
    while data:
        data = data[os.write(fd, data):]


def answer(fd, head, *rest):
    text = json.dumps(head).encode("ascii")
    send(fd, struct.pack(">I", len(text)) + text)
    for data in rest:
        send(fd, data)


def extend(payload):
    # Packages that are loaded already look into the new archive too.
    sys.path.insert(0, payload)
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in ("ansible", "ansible_collections") and hasattr(module, "__path__"):
            module.__path__ = [payload + "/" + name.replace(".", "/")] + list(module.__path__)


def child(request, out, err):
    os.setsid()
    os.dup2(out, 1)
    os.dup2(err, 2)
    if hasattr(os, "set_inheritable"):
        os.set_inheritable(1, True)
        os.set_inheritable(2, True)
    os.environ.update(request["env"])
    if request.get("dir"):
        os.chdir(request["dir"])
    if request.get("umask") is not None:
        os.umask(request["umask"])
    extend(request["payload"])
    import runpy
    import ansible.module_utils.basic as basic
    basic._ANSIBLE_ARGS = request["args"].encode("utf-8")
    if hasattr(basic, "_ANSIBLE_PROFILE"):
        basic._ANSIBLE_PROFILE = "legacy"
    sys.argv = [request["main"]]
    runpy.run_module(request["main"], init_globals={"_module_fqn": request["main"], "_modlib_path": request["payload"]}, run_name="__main__", alter_sys=True)


def collect(pid, fds, limit):
    kept = dict((fd, b"") for fd in fds)
    waiting, code, idle = list(fds), None, 0
    while waiting:
        try:
            ready = select.select(waiting, [], [], 0.05)[0]
        except (OSError, select.error) as e:
            if e.args[0] == errno.EINTR:
                continue
            raise
        for fd in ready:
            part = os.read(fd, 1 << 16)
            if not part:
                waiting.remove(fd)
            elif len(kept[fd]) < limit:
                kept[fd] += part
        if code is None:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                code = status
        elif not ready:
            idle += 1
            if idle > 4:  # what the module left running still has the pipe
                break
    if code is None:
        code = os.waitpid(pid, 0)[1]
    for fd in fds:
        os.close(fd)
    return code, kept[fds[0]][:limit], kept[fds[1]][:limit]


def serve(base, limit):
    source, sink = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    sys.path.insert(0, base)
    try:
        import ansible.module_utils.basic  # noqa: F401 (the point is that it is loaded before the fork)
    except Exception as e:
        sys.stderr.write("loading what modules share: %s\n" % e)
    while True:
        head = take(source, 4)
        if head is None:
            return
        request = json.loads(take(source, struct.unpack(">I", head)[0]).decode("utf-8"))
        out, out_w = os.pipe()
        err, err_w = os.pipe()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                for fd in (source, sink, out, err):
                    os.close(fd)
                child(request, out_w, err_w)
                code = 0
            except SystemExit as e:
                code = e.code if isinstance(e.code, int) else 0 if e.code is None else 1
                if code and not isinstance(e.code, int):
                    sys.stderr.write("%s\n" % e.code)
            except BaseException:
                import traceback
                traceback.print_exc()
            try:
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(code & 255)
        os.close(out_w)
        os.close(err_w)
        answer(sink, {"pid": pid})
        status, out_text, err_text = collect(pid, (out, err), limit)
        rc = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
        answer(sink, {"rc": rc, "out": len(out_text), "err": len(err_text)}, out_text, err_text)


serve(sys.argv[1], int(sys.argv[2]))
