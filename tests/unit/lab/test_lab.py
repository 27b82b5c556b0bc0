"""The lab's plan: what is built from which inventory."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Any

import plan
import pytest

COMMON: dict[str, Any] = {
    "network_bridges": {"lan": {"ports": ["eno1"]}},
    "network_storage": {"interface": "eno2", "cidr": "10.10.0.0/24"},
    "ceph_osd_devices": ["/dev/disk/by-id/nvme-*"],
}


def inventory(**hosts: dict[str, Any]) -> dict[str, Any]:
    """The output of ansible-inventory for some nodes."""
    return {"nodes": {"hosts": list(hosts)}, "_meta": {"hostvars": {name: COMMON | own for name, own in hosts.items()}}}


def test_nodes_have_the_names_addresses_nics_and_disks_of_the_inventory() -> None:
    lab = plan.build(inventory(a={"ansible_host": "192.0.2.11"}, b={"ansible_host": "192.0.2.12"}), "x", disks=2)
    node = lab.nodes[1]
    assert (node.name, node.address) == ("b", "192.0.2.12/24")
    assert [(nic.name, nic.segment) for nic in node.nics] == [("eno1", "mgmt"), ("eno2", "storage")]
    assert node.disks == ("/dev/disk/by-id/nvme-LAB_b_1", "/dev/disk/by-id/nvme-LAB_b_2")
    assert lab.segments == ["mgmt", "storage"]


def test_every_further_port_has_a_segment_of_its_own() -> None:
    bridges = {"lan": {"ports": ["enp1s0", "enp2s0"]}, "dmz": {"ports": ["enp3s0"]}, "inner": None}
    lab = plan.build(inventory(a={"ansible_host": "192.0.2.11", "network_bridges": bridges}), "x")
    assert [nic.segment for nic in lab.nodes[0].nics] == ["mgmt", "lan.1", "dmz.0", "storage"]


def test_a_bridge_without_addresses_is_not_the_management_network() -> None:
    bridges = {"aux": {"ports": ["eno3"], "addresses": []}, "lan": {"ports": ["eno1"]}}
    lab = plan.build(inventory(a={"ansible_host": "192.0.2.11", "network_bridges": bridges}), "x")
    assert {nic.name: nic.segment for nic in lab.nodes[0].nics} == {"eno1": "mgmt", "eno3": "aux.0", "eno2": "storage"}


def test_the_storage_network_may_be_a_bridge() -> None:
    bridges = {"lan": {"ports": ["eno1"]}, "san": {"ports": ["eno2"], "addresses": []}}
    own = {"network_bridges": bridges, "network_storage": {"interface": "san", "cidr": "10.10.0.0/24"}}
    lab = plan.build(inventory(a={"ansible_host": "192.0.2.11", **own}), "x")
    assert [nic.name for nic in lab.nodes[0].nics] == ["eno1", "eno2"]


def test_storage_may_share_the_management_nic() -> None:
    storage = {"interface": "eno1", "cidr": "10.10.0.0/24"}
    lab = plan.build(inventory(a={"ansible_host": "192.0.2.11", "network_storage": storage}), "x")
    assert [nic.name for nic in lab.nodes[0].nics] == ["eno1"]


def test_storage_may_be_on_a_bridge() -> None:
    own = {
        "network_bridges": {"lan": {"ports": ["eno1"]}, "store": {"ports": ["eno2"], "addresses": []}},
        "network_storage": {"interface": "store", "cidr": "10.10.0.0/24"},
    }
    lab = plan.build(inventory(a={"ansible_host": "192.0.2.11", **own}), "x")
    assert [(nic.name, nic.segment) for nic in lab.nodes[0].nics] == [("eno1", "mgmt"), ("eno2", "storage")]


def test_the_ports_of_a_bond_are_in_the_segment_of_the_bond() -> None:
    own = {
        "network_bonds": {"bond0": {"ports": ["eno1", "eno3"]}, "bond1": {"ports": ["eno2", "eno4"]}},
        "network_bridges": {"lan": {"ports": ["bond0"]}},
        "network_storage": {"interface": "bond1", "cidr": "10.10.0.0/24"},
    }
    lab = plan.build(inventory(a={"ansible_host": "192.0.2.11", **own}), "x")
    assert [(nic.name, nic.segment) for nic in lab.nodes[0].nics] == [
        ("eno1", "mgmt"),
        ("eno3", "mgmt"),
        ("eno2", "storage"),
        ("eno4", "storage"),
    ]


@pytest.mark.parametrize(
    ("devices", "disks"),
    [
        (["/dev/disk/by-id/scsi-*"], ("/dev/disk/by-id/scsi-LAB_a_1",)),
        (["/dev/disk/by-id/nvme-X_1", "/dev/sdb"], ("/dev/disk/by-id/nvme-X_1", "/dev/sdb")),
        ({"type": "ssd"}, ("/dev/disk/by-id/nvme-LAB_a_1",)),
        (None, ("/dev/disk/by-id/nvme-LAB_a_1",)),
    ],
)
def test_disks_match_ceph_osd_devices(devices: Any, disks: tuple[str, ...]) -> None:
    lab = plan.build(inventory(a={"ansible_host": "192.0.2.11", "ceph_osd_devices": devices}), "x")
    assert lab.nodes[0].disks == disks


@pytest.mark.parametrize(
    ("hosts", "message"),
    [
        ({}, "no hosts in the group 'nodes'"),
        ({"a": {}}, "ansible_host is 'a'"),
        ({"a": {"ansible_host": "192.0.2.11"}, "b": {"ansible_host": "192.0.3.11"}}, "outside 192.0.2.0/24"),
        ({"a": {"ansible_host": "192.0.2.11"}, "b": {"ansible_host": "192.0.2.11"}}, "same ansible_host"),
        ({"a": {"ansible_host": "192.0.2.11", "ceph_osd_devices": ["/dev/sd[ab]"]}}, "cannot make a disk"),
        ({"a": {"ansible_host": "192.0.2.11", "ha_bmc": {"type": "redfish"}}}, "BMCs speak ipmi"),
        ({"a": {"ansible_host": "192.0.2.11", "ha_bmc": {"port": "{{ port }}"}}}, "needs a plain number"),
        (
            {"a": {"ansible_host": "192.0.2.11"}, "b": {"ansible_host": "192.0.2.12", "ha_bmc": {"port": 6231}}},
            "the same address and port in ha_bmc",
        ),
        ({"a": {"ansible_host": "192.0.2.11", "ha_bmc": {"address": "192.0.3.1"}}}, "is no address of 192.0.2.0/24"),
        ({"a": {"ansible_host": "192.0.2.11", "ha_bmc": {"address": "192.0.2.11"}}}, "that is left"),
    ],
)
def test_an_inventory_that_cannot_be_built_is_refused(hosts: dict[str, Any], message: str) -> None:
    with pytest.raises(plan.LabError) as error:
        plan.build(inventory(**hosts), "x")
    assert message in str(error.value)


def test_the_gateway_avoids_the_inventory_and_the_machine() -> None:
    lab = plan.build(inventory(a={"ansible_host": "192.0.2.1"}), "x")
    assert plan.gateway(lab, []) == IPv4Address("192.0.2.254")
    assert plan.gateway(lab, [IPv4Address("192.0.2.254")]) == IPv4Address("192.0.2.253")


def test_routes_leave_out_what_the_machine_reaches_elsewhere() -> None:
    subnet, foreign = IPv4Network("192.0.2.0/24"), {IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2")}
    parts = plan.routes(subnet, foreign)
    assert not any(address in part for part in parts for address in foreign)
    assert sum(part.num_addresses for part in parts) == subnet.num_addresses - len(foreign)
    assert plan.routes(subnet, []) == [subnet]


def test_children_of_the_group_nodes_count() -> None:
    listed = {"nodes": {"children": ["rack1"]}, "rack1": {"hosts": ["a"]}}
    assert plan.group_hosts(listed, "nodes") == ["a"]


def test_each_node_has_a_bmc_of_its_own() -> None:
    given = {"address": "192.0.2.1", "port": 7000, "user": "root", "password": "x"}
    lab = plan.build(
        inventory(a={"ansible_host": "192.0.2.11"}, b={"ansible_host": "192.0.2.12", "ha_bmc": given}), "x"
    )
    assert [node.bmc for node in lab.nodes] == [
        plan.Bmc(6231, "admin", "cairn-lab"),
        plan.Bmc(7000, "root", "x", "192.0.2.1"),
    ]
