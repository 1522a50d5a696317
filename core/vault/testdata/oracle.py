"""Opens and makes vaults with Ansible's own code: one JSON document in, one out."""
import json
import sys

from ansible.cli.vault import VaultCLI
from ansible.parsing.vault import VaultLib, VaultSecret

job = json.load(sys.stdin)
secrets = [(s["id"], VaultSecret(s["password"].encode())) for s in job["secrets"]]
lib = VaultLib(secrets)
out = {"opened": [lib.decrypt(v.encode()).decode() for v in job["open"]], "made": [], "string": ""}
for name, secret in secrets:
    out["made"].append(lib.encrypt(job["make"].encode(), secret, vault_id=name).decode())
out["string"] = VaultCLI.format_ciphertext_yaml(lib.encrypt(b"abc", secrets[0][1]), name="token")
json.dump(out, sys.stdout)
