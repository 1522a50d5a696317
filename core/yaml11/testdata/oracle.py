"""Reads and writes YAML with PyYAML as Ansible does: a JSON document a line in, a JSON document a line out."""
import datetime
import json
import sys
import warnings

warnings.filterwarnings("ignore")
import yaml
from ansible.parsing.yaml.dumper import AnsibleDumper
from ansible.parsing.yaml.loader import AnsibleLoader
from ansible.parsing.yaml.objects import AnsibleVaultEncryptedUnicode
from ansible.utils.display import Display
from ansible.utils.unsafe_proxy import AnsibleUnsafe

warned = []
Display.warning = lambda self, text, *a, **k: warned.append(text)


def show(v):
    if isinstance(v, AnsibleVaultEncryptedUnicode):
        return "vault(" + repr(v._ciphertext.decode()) + ")"
    if isinstance(v, str):
        return ("u" if isinstance(v, AnsibleUnsafe) else "") + repr(str.__str__(v))
    if isinstance(v, dict):
        return "{" + ", ".join(show(k) + ": " + show(x) for k, x in v.items()) + "}"
    if isinstance(v, tuple):
        return "(" + "".join(show(x) + ", " for x in v) + ")"
    if isinstance(v, list):
        return "[" + ", ".join(show(x) for x in v) + "]"
    if isinstance(v, datetime.datetime):
        return "datetime(" + str(v) + ")"
    return repr(v)


for line in sys.stdin:
    job = json.loads(line)
    del warned[:]
    out = {}
    try:
        if job["kind"] == "dump":
            out["text"] = yaml.dump(json.loads(job["text"]), Dumper=AnsibleDumper, allow_unicode=True, **job.get("options", {}))
        else:
            out["value"] = show(AnsibleLoader(job["text"], file_name="x.yml", vault_secrets=[("default", "x")]).get_single_data())
            out["warned"] = len(warned)
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        out = {"error": str(e.problem), "line": mark.line + 1 if mark else 0, "column": mark.column + 1 if mark else 0}
    except Exception as e:
        out = {"error": type(e).__name__ + ": " + str(e)}
    sys.stdout.write(json.dumps(out) + "\n")
    sys.stdout.flush()
