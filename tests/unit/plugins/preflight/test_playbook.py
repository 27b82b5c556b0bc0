"""The action plugin as Ansible runs it: templated variables, one failure for all hosts, no change."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
INVENTORY = {
    "nodes": {"hosts": {f"node{n}": {"ansible_host": f"192.0.2.1{n}"} for n in (1, 2, 3)}},
    "vms": {
        "hosts": {"web1": {"flavour": "large"}, "web2": {"flavour": "small"}},
        "vars": {"vm_memory": "{{ {'large': '2GiB', 'small': '512'}[flavour] }}", "vm_node": "{{ nobody }}"},
    },
}
PLAYBOOK = [
    {
        "hosts": "nodes",
        "gather_facts": False,
        "tasks": [{"cairn.hci.preflight": {}}, {"ansible.builtin.debug": {"msg": "never"}}],
    }
]


def test_a_bad_inventory_ends_the_play(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text(json.dumps(INVENTORY))
    (tmp_path / "play.yml").write_text(json.dumps(PLAYBOOK))
    command = [sys.executable, "-m", "ansible", "playbook", "-i", str(tmp_path / "hosts"), str(tmp_path / "play.yml")]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
    assert done.returncode != 0
    lines = [line.strip() for line in done.stdout.splitlines()]
    size = "web2: vm_memory: '512' is not a size; write a positive number with a unit, such as 20GiB or 512MiB."
    assert size in lines
    assert "web1, web2: vm_node can't be templated: 'nobody' is undefined." in lines
    assert "Nothing was changed." in lines
    assert "never" not in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
