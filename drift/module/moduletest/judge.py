# Runs Ansible's own modules, one a line of standard input: a child of this process, which has imported Ansible already, goes into the root that the
# line names and runs the module there.
import json
import os
import runpy
import sys
import tempfile

import ansible.module_utils.basic as basic
import ansible.module_utils.urls  # noqa: F401 - imported once for all children
import ansible.module_utils.facts.ansible_collector  # noqa: F401
from ansible.release import __version__


def child(call, out):
    os.dup2(out, 1)
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    if call.get("root"):
        os.chroot(call["root"])
        os.chdir("/")
    if call.get("dir"):
        os.chdir(call["dir"])
    os.environ.update(call.get("env") or {})
    name = call["module"]
    args = dict(call.get("args") or {})
    args.update(
        _ansible_check_mode=bool(call.get("check")),
        _ansible_diff=bool(call.get("diff")),
        _ansible_no_log=False,
        _ansible_debug=False,
        _ansible_verbosity=0,
        _ansible_version=__version__,
        _ansible_module_name=name,
        _ansible_syslog_facility="LOG_USER",
        _ansible_selinux_special_fs=["fuse", "nfs", "vboxsf", "ramfs", "9p", "vfat"],
        _ansible_string_conversion_action="warn",
        _ansible_socket=None,
        _ansible_shell_executable="/bin/sh",
        _ansible_keep_remote_files=False,
        _ansible_tmpdir=None,
        _ansible_remote_tmp="~/.ansible/tmp",
    )
    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": args}).encode()
    parts = name.split(".")
    path = "ansible.modules." + parts[-1]
    if len(parts) == 3 and parts[:2] not in (["ansible", "builtin"], ["ansible", "legacy"]):
        path = "ansible_collections.%s.%s.plugins.modules.%s" % tuple(parts)
    sys.argv = [path]
    runpy.run_module(path, run_name="__main__", alter_sys=True)


def answer(call):
    with tempfile.TemporaryFile() as out:
        pid = os.fork()
        if pid == 0:
            try:
                child(call, out.fileno())
            except SystemExit:
                pass
            except BaseException as e:  # what the module threw is the answer
                sys.stdout.flush()
                if sys.excepthook is not sys.__excepthook__:
                    try:
                        sys.excepthook(*sys.exc_info())
                    except SystemExit:
                        return
                os.write(out.fileno(), json.dumps({"failed": True, "msg": "MODULE FAILURE", "module_stderr": repr(e)}).encode())
            finally:
                sys.stdout.flush()
                os._exit(0)
        os.waitpid(pid, 0)
        out.seek(0)
        text = out.read().decode("utf-8", "replace")
    start = text.find("{")
    try:
        return json.loads(text[start:])
    except ValueError:
        return {"failed": True, "msg": "no JSON", "module_stdout": text}


for line in sys.stdin:
    sys.__stdout__.write(json.dumps(answer(json.loads(line))) + "\n")
    sys.__stdout__.flush()
