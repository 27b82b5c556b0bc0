"""Bad input is answered with one clear sentence, before anything is bound, wiped or restarted."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

ROOT = Path(__file__).resolve().parents[3]
INVENTORY = Path(os.environ.get("MOLECULE_SCENARIO_DIRECTORY", ROOT / "molecule/passthrough_smoke")) / "hosts"
# The only class of two devices or more of a node is that of its network interfaces.
NETWORK = "class=0200"


def vm(name: str, **variables: Any) -> dict[str, Any]:
    """An inventory with variables of one host."""
    return {"all": {"hosts": {name: variables}}}


def nodes(**variables: Any) -> dict[str, Any]:
    """An inventory with variables of the nodes."""
    return {"nodes": {"vars": variables}}


def guest(**variables: Any) -> dict[str, Any]:
    """An inventory with one more VM."""
    return {"vms": {"hosts": {"app": {"ansible_host": "10.92.0.101", **variables}}}}


@pytest.fixture(scope="module")
def addresses() -> dict[str, str]:
    """Where two devices of the node are: the NVMe disk that its storage VM has, and Ansible's network interface."""
    node = Host.get_host("ansible://solo", ansible_inventory=str(INVENTORY), force_ansible=True)
    paths = {"DISK": "/sys/bus/pci/drivers/vfio-pci/0000:*", "NIC": "$(readlink -f /sys/class/net/eno1/device/..)"}
    return {name: str(node.check_output(f"basename {path}")).strip() for name, path in paths.items()}


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        ("device absent", vm("store", vm_pci_devices=["0000:77:00.0"]), r"the node has no PCI device 0000:77:00\.0"),
        ("two match", vm("store", vm_pci_devices=[NETWORK]), r"2 match \(.*choose one by its address"),
        ("given to another VM", guest(vm_node="solo", vm_pci_devices=["DISK"]), r"has DISK of solo, too"),
        ("Ansible's interface", vm("store", vm_pci_devices=["NIC"]), r"it stays with the node"),
        ("root disk", vm("store", vm_pci_devices=["class=0100"]), r"it stays with the node"),
        (
            "too little memory for its OSD",
            nodes(ceph_osd_memory="6GiB"),
            r"vm_memory 1536MiB is too little for 1 OSD with ceph_osd_memory 6GiB",
        ),
        (
            "more memory than the node has",
            vm("store", vm_memory="64GiB"),
            r"store: vm_memory 64 GiB and vm_vcpus 1 are more than any node has for VMs",
        ),
        (
            "bond with a missing slave",
            nodes(network_bonds={"bond0": {"ports": ["eno9"]}}),
            r"network_bonds\.bond0\.ports: there is no link eno9; the node has eno1",
        ),
        (
            "VLAN out of range",
            guest(vm_nics=[{"network": "lan", "vlan": 5000}]),
            r"vm_nics\[0\]\.vlan is 5000; it must be from 1 to 4094",
        ),
        (
            "MTU too large",
            nodes(network_storage={"interface": "storage", "cidr": "10.92.1.0/24", "mtu": 9000000}),
            r"network_storage\.mtu is 9000000; it must be from 576 to 65535",
        ),
    ],
)
def test_bad_input(addresses: dict[str, str], name: str, change: dict[str, Any], sentence: str) -> None:
    text = json.dumps(change)
    for word, address in addresses.items():
        text, sentence = text.replace(word, address), sentence.replace(word, re.escape(address))
    # Beside the scenario's own inventory, whose variables name files by inventory_dir.
    with tempfile.NamedTemporaryFile("w", dir=INVENTORY.parent, suffix=".yml", encoding="utf-8") as wrong:
        wrong.write(text)
        wrong.flush()
        command = ["ansible-playbook", "playbooks/site.yml", "-i", str(INVENTORY), "-i", wrong.name]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True)
    assert done.returncode, name
    said = re.sub(r"\s+", " ", done.stdout)
    assert re.search(sentence, said), said[-2000:]
    assert "Nothing was changed." in said
    assert not re.search(r"changed=[1-9]|Traceback", said)
