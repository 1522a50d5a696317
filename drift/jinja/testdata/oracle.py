"""Evaluates templates with Ansible's own templar: a JSON document a line in, a JSON document a line out."""
import json
import os
import sys
import warnings

warnings.filterwarnings("ignore")

from ansible.errors import AnsibleUndefinedVariable
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.yaml.loader import AnsibleLoader
from ansible.playbook.conditional import Conditional
from ansible.template import Templar
from ansible.utils.native_jinja import NativeJinjaText
from ansible.utils.unsafe_proxy import AnsibleUnsafe, wrap_var
from ansible.utils.display import Display
from jinja2.exceptions import TemplateSyntaxError, UndefinedError

Display().warning = lambda *a, **k: None
Display.warning = lambda *a, **k: None
Display.deprecated = lambda *a, **k: None


def show(v):
    """Writes a value with its types: u before what is unsafe, n before native text."""
    if isinstance(v, str):
        mark = ("u" if isinstance(v, AnsibleUnsafe) else "") + ("n" if isinstance(v, NativeJinjaText) else "")
        return mark + repr(str.__str__(v))
    if isinstance(v, dict):
        return "{" + ", ".join(show(k) + ": " + show(x) for k, x in v.items()) + "}"
    if isinstance(v, tuple):
        return "(" + "".join(show(x) + ", " for x in v) + ")"
    if isinstance(v, list):
        return "[" + ", ".join(show(x) for x in v) + "]"
    return repr(v)


loader = DataLoader()
loader.set_basedir(sys.argv[1])
base = None
if len(sys.argv) > 2:
    with open(sys.argv[2]) as f:
        base = AnsibleLoader(f.read()).get_single_data()
    # plain types, as variables from JSON have them
    base = json.loads(json.dumps(base))


class Holder(Conditional):
    def __init__(self, when):
        self._loader = loader
        self.when = [when]


def run(job):
    values = dict(base or {})
    values["unsafe"] = wrap_var("{{ nope }}")
    values["result"] = wrap_var({"changed": True, "rc": 0, "stdout": "ok {{ x }}", "stdout_lines": ["a", "b"], "failed": False})
    for k, v in (job.get("vars") or {}).items():
        values[k] = v
    templar = Templar(loader=loader, variables=values)
    kind = job["kind"]
    if kind == "condition":
        return Holder(job["text"]).evaluate_conditional(templar, values)
    if kind == "text":
        templar.environment.loader.searchpath = [os.path.join(sys.argv[1], "tpl"), sys.argv[1]]
        return templar.template(job["text"], preserve_trailing_newlines=True, convert_data=False, escape_backslashes=False)
    templar.environment.loader.searchpath = [os.path.join(sys.argv[1], "tpl"), sys.argv[1]]
    return templar.template(job["text"])


def reason(e):
    if isinstance(e, (AnsibleUndefinedVariable, UndefinedError)):
        return "undefined"
    text = str(e)
    if "error while evaluating conditional" in text:
        return "undefined"
    if isinstance(e, TemplateSyntaxError) or "template error while templating string" in text or "Invalid conditional detected" in text:
        return "syntax"
    return "error"


for line in sys.stdin:
    job = json.loads(line)
    try:
        out = {"value": show(run(job))}
    except BaseException as e:  # also RecursionError
        out = {"error": reason(e), "message": "%s: %s" % (type(e).__name__, str(e)[:600])}
    sys.stdout.write(json.dumps(out) + "\n")
    sys.stdout.flush()
