"""The disks of a node are in its storage VM, and an OSD runs on them there."""

from __future__ import annotations

import json

from testinfra.host import Host

testinfra_hosts = ["ansible://storage_vms"]


def node_of(host: Host) -> Host:
    """The node that a storage VM is on."""
    name = host.ansible.get_variables()["vm_node"]
    return Host.get_host(f"ansible://{name}", ansible_inventory=host.backend.ansible_inventory, force_ansible=True)


def test_it_has_the_disks_of_its_node(host: Host) -> None:
    node = host.ansible.get_variables()["vm_node"]
    assert host.check_output("cat /sys/class/nvme/nvme0/serial").strip() == f"LAB_{node}_1"


def test_the_node_has_them_no_more(host: Host) -> None:
    assert node_of(host).run("ls /dev/nvme*n1").rc != 0


def test_an_osd_runs_in_it(host: Host) -> None:
    assert host.run("pgrep ceph-osd").rc == 0


def test_crush_knows_the_node(host: Host) -> None:
    name = host.ansible.get_variables()["vm_node"]
    tree = json.loads(node_of(host).check_output("ceph osd tree --format json"))["nodes"]
    bucket = next(entry for entry in tree if entry["type"] == "host" and entry["name"] == name)
    osds = [entry for entry in tree if entry["id"] in bucket["children"]]
    assert osds
    assert all(osd["status"] == "up" for osd in osds)
