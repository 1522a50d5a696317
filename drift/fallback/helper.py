# The plugins of the installed Ansible, for the controller: it reads requests as lines of JSON from its standard input and answers with a line each.
import json
import os
import sys

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what a plugin prints is no answer

from ansible.parsing.dataloader import DataLoader  # noqa: E402
from ansible.parsing.ajson import AnsibleJSONEncoder  # noqa: E402
from ansible.plugins import loader as plugins  # noqa: E402
from ansible.template import Templar  # noqa: E402

if hasattr(plugins, "init_plugin_loader"):
    plugins.init_plugin_loader()
for folder in sys.argv[1:]:  # of playbooks and roles
    for kind in ("filter", "test", "lookup"):
        path = os.path.join(folder, kind + "_plugins")
        if os.path.isdir(path):
            getattr(plugins, kind + "_loader").add_directory(path)
loader = DataLoader()
templar = Templar(loader=loader, variables={})


def find(kind, name):
    if kind == "lookup":
        return plugins.lookup_loader.get(name, loader=loader, templar=templar)
    plugin = (plugins.filter_loader if kind == "filter" else plugins.test_loader).get(name)
    return getattr(plugin, "j2_function", plugin)


def carry_out(request):
    kind, name = request["kind"], request["name"]
    plugin = find(kind, name)
    if request["do"] == "knows":
        return plugin is not None
    if plugin is None:
        raise KeyError("no %s %s" % (kind, name))
    args, named = request.get("args") or [], request.get("named") or {}
    if kind == "lookup":
        variables = request.get("variables") or {}
        templar.available_variables = variables
        return plugin.run(args, variables=variables, **named)
    result = plugin(*args, **named)
    if hasattr(result, "__next__") or isinstance(result, (set, frozenset, range)):
        result = list(result)
    return result


for line in sys.stdin:
    try:
        answer = {"value": carry_out(json.loads(line))}
        text = json.dumps(answer, cls=AnsibleJSONEncoder, preprocess_unsafe=False)
    except Exception as e:
        text = json.dumps({"error": "%s: %s" % (type(e).__name__, e)})
    answers.write(text + "\n")
    answers.flush()
