"""Every VM is the one that the inventory describes."""

from __future__ import annotations

import json

from ansible_collections.cairn.hci.plugins.module_utils._units import parse_size
from testinfra.host import Host

testinfra_hosts = ["ansible://vms"]


def test_a_vm_has_its_name(host: Host) -> None:
    assert host.check_output("hostname") == host.ansible.get_variables()["inventory_hostname"]


def test_a_vm_has_its_disks(host: Host) -> None:
    found = json.loads(host.check_output("lsblk --json --bytes --nodeps --output TYPE,SIZE"))["blockdevices"]
    wanted = host.ansible.get_variables().get("vm_disks", [])
    sizes = sorted(int(disk["size"]) for disk in found if disk["type"] == "disk")
    assert all(parse_size(disk["size"]) in sizes for disk in wanted)
