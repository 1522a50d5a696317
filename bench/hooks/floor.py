"""A floor under what seven hooks of pre-commit-hooks cost in Python: one process for a hook and a batch of files, the same libraries over the same bytes, and
nothing else. The originals do this and more; with PCH, a checkout of them, checks.sh measures those instead.

    python3 floor.py HOOK FILE...
"""

import json
import subprocess
import sys


def trailing_whitespace(path):
    with open(path, "rb") as f:
        return any(line != line.rstrip(b"\r\n").rstrip() + line[len(line.rstrip(b"\r\n")) :] for line in f)


def end_of_file(path):
    with open(path, "rb") as f:
        content = f.read()
    return bool(content) and not content.endswith(b"\n") or content.endswith(b"\n\n")


def yaml(path):
    with open(path, encoding="utf-8") as f:
        YAML.load(f)


def syntax_of_json(path):
    with open(path, encoding="utf-8") as f:
        json.load(f, object_pairs_hook=unique)


def unique(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def private_key(path):
    with open(path, "rb") as f:
        content = f.read()
    return any(word in content for word in KEYS)


def conflict(path):
    with open(path, "rb") as f:
        return any(line.startswith(MARKS) for line in f)


def large(paths):
    added = subprocess.run(["git", "diff", "--staged", "--name-only", "--diff-filter=A", "-z"], check=True, capture_output=True).stdout
    subprocess.run(["git", "check-attr", "filter", "-z", "--stdin"], input="\0".join(paths).encode(), check=True, capture_output=True)
    return [p for p in paths if p.encode() in added.split(b"\0")]


KEYS = [b"BEGIN " + kind + b"PRIVATE KEY" for kind in (b"RSA ", b"DSA ", b"EC ", b"OPENSSH ", b"", b"ENCRYPTED ")]
KEYS += [b"PuTTY-User-Key-File-2", b"BEGIN SSH2 ENCRYPTED PRIVATE KEY", b"BEGIN PGP PRIVATE KEY BLOCK", b"BEGIN OpenVPN Static key V1"]
MARKS = (b"<<<<<<< ", b"======= ", b"=======\r\n", b"=======\n", b">>>>>>> ")
HOOKS = {
    "trailing_whitespace_fixer": trailing_whitespace,
    "end_of_file_fixer": end_of_file,
    "check_yaml": yaml,
    "check_json": syntax_of_json,
    "detect_private_key": private_key,
    "check_merge_conflict": conflict,
}


def main():
    name, paths = sys.argv[1], sys.argv[2:]
    if name == "check_added_large_files":
        return bool(large(paths))
    return any([HOOKS[name](p) for p in paths])


if __name__ == "__main__":
    if sys.argv[1] == "check_yaml":
        import ruamel.yaml

        YAML = ruamel.yaml.YAML(typ="safe")
    sys.exit(main())
