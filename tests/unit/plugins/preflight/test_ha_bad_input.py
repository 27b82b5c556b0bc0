"""Every kind of bad input to high availability is answered with one sentence, before anything moves."""

from __future__ import annotations

from typing import Any

import pytest

from .test_bad_input import Change, both, keep, put

WEB, DB, NODE1 = ("hosts", "web1"), ("hosts", "db1"), ("hosts", "node1")
NO_BMC = {"address": "192.0.2.201", "user": "admin", "password": "S3cret"}


def room(**changes: int) -> Change:
    """The memory of a node in GiB; 6 GiB of it are not for VMs."""

    def change(world: Any) -> None:
        for name, size in changes.items():
            world.facts[name]["memory"] = size * 1024**3

    return change


def every(**variables: Any) -> Change:
    """Variables of all VMs."""
    return lambda world: world.vms.update(variables)


def without_fence(world: Any) -> None:
    """node1 has neither BMC nor watchdog."""
    del world.hosts["node1"]["ha_bmc"]
    world.facts["node1"]["ha"]["watchdogs"] = []


def ids(**known: int) -> Change:
    """What the corosync.conf of node1 says."""
    return put("facts", "node1", "ha", "nodes", known)


CASES = {
    "given up while it is at work": (
        both(put("nodes", "ha_enabled", False), ids(node1=1)),
        "ha_enabled is false, and Pacemaker keeps VMs running on node1; set vm_ha: false for the VMs instead, which "
        "takes them out of its care.",
    ),
    # Names.
    "unknown node that may": (
        put(*WEB, "vm_nodes", ["node1", "nodde2", "node3"]),
        "web1: vm_nodes: nodde2 is no host of the group nodes; did you mean node2?",
    ),
    "unknown node that is preferred": (
        put(*WEB, "vm_prefer", ["node7"]),
        "web1: vm_prefer: node7 is no host of the group nodes; did you mean node1?",
    ),
    "unknown node of a pinned VM": (
        put(*WEB, "vm_node", "node7"),
        "web1: vm_node: node7 is no host of the group nodes; did you mean node1?",
    ),
    "unknown VM": (
        put(*WEB, "vm_start_after", ["db2"]),
        "web1: vm_start_after: db2 is no host of the group vms; did you mean db1?",
    ),
    "label": (
        put(*WEB, "vm_apart", ["my web"]),
        "web1: vm_apart: use letters, digits, dots, hyphens and underscores in the label 'my web'.",
    ),
    "preferred and not allowed": (
        both(put(*WEB, "vm_nodes", ["node1", "node2"]), put(*WEB, "vm_prefer", ["node3"])),
        "web1: vm_prefer: node3 is not among vm_nodes (node1, node2); add it there, or remove it.",
    ),
    "pinned and not allowed": (
        both(put(*WEB, "vm_nodes", ["node1", "node2"]), put(*WEB, "vm_node", "node3")),
        "web1: vm_node node3 is not among vm_nodes (node1, node2); remove one of the two.",
    ),
    "start after one of a node": (
        both(put(*WEB, "vm_start_after", ["db1"]), put(*DB, "vm_ha", False)),
        "web1: vm_start_after: db1 is not started by the cluster (vm_node, or vm_ha: false); remove db1.",
    ),
    "circle": (
        both(put(*WEB, "vm_start_after", ["db1"]), put(*DB, "vm_start_after", ["web1"])),
        "vm_start_after goes in a circle: web1 after db1 after web1; break it at one of them.",
    ),
    # Nodes and fencing.
    "two nodes": (
        both(
            keep("nodes", "node1", "node2"),
            put("nodes", "preflight_allow_few_nodes", True),
            put("nodes", "ceph_pools", {"vms": {"size": 2}}),
            put("nodes", "ha_spare", False),
        ),
        "ha_enabled needs three nodes, so that two can decide when one is lost, and the group nodes has 2; "
        "add nodes, or "
        "set ha_enabled: false.",
    ),
    "no fence": (
        without_fence,
        "node1: nothing can fence it when it is lost; give ha_bmc or a watchdog (ha_watchdog), accept the "
        "storage fence by "
        "itself with ha_storage_fencing: alone, or go without with ha_fencing: false.",
    ),
    "a watchdog of another number": (
        put(*NODE1, "ha_watchdog", "/dev/watchdog1"),
        "node1: ha_watchdog: /dev/watchdog1 is not there, and /dev/watchdog0 is; correct it, or have its driver loaded "
        "at every boot.",
    ),
    "a watchdog where there is none": (
        both(put(*NODE1, "ha_watchdog", "/dev/watchdog"), put("facts", "node1", "ha", "watchdogs", [])),
        "node1: ha_watchdog: /dev/watchdog is not there, and no other is; correct it, or have its driver loaded at "
        "every boot.",
    ),
    "BMC without a password": (
        put(*NODE1, "ha_bmc", {"address": "192.0.2.201", "user": "admin"}),
        "node1: ha_bmc.password is missing.",
    ),
    "BMC as a text": (
        put(*NODE1, "ha_bmc", "admin:S3cret@192.0.2.201"),
        "node1: ha_bmc is not a dictionary; write it in braces, as {name: value}.",
    ),
    "one BMC for two nodes": (
        put("hosts", "node2", "ha_bmc", NO_BMC),
        "node1 and node2 have the same ha_bmc 192.0.2.201 port 623; give one of them another.",
    ),
    "BMC that does not answer": (
        put("facts", "node3", "ha", "bmc", {"name": "node1", "error": "it does not answer"}),
        "node1: ha_bmc: 192.0.2.201 port 623: it does not answer; correct ha_bmc, or the controller.",
    ),
    "renumbered": (
        both(put(*NODE1, "ha_node_id", 7), ids(node1=2)),
        "node1: ha_node_id is 7, and the node is number 2 in the cluster, which is for life; remove ha_node_id.",
    ),
    "number of a removed node": (
        both(put(*NODE1, "ha_node_id", 7), ids(gone=7)),
        "node1: ha_node_id 7 is that of gone in corosync.conf; choose another, or remove it.",
    ),
    "number given twice": (
        both(put(*NODE1, "ha_node_id", 7), put("hosts", "node3", "ha_node_id", 7)),
        "node1 and node3 have the same ha_node_id 7; give one of them another.",
    ),
    "two clusters": (
        both(ids(node3=1), put("facts", "node2", "ha", "nodes", {"node3": 2})),
        "node3 is number 1 in the corosync.conf of node1 and number 2 in that of node2; they are of "
        "different clusters, "
        "remove the file of the one that shall join.",
    ),
    # Room and affinity.
    "no room without a node": (
        both(every(vm_memory="16GiB"), put(*WEB, "vm_memory", "16GiB"), room(node1=40, node2=24, node3=20)),
        "If node1 is lost, the other nodes have no place for db1; make VMs smaller or fewer, add a node, or "
        "accept that "
        "with ha_spare: false.",
    ),
    "no second node": (
        put(*WEB, "vm_nodes", ["node1"]),
        "web1: only node1 can run it, the only one in vm_nodes that has its networks; it would be lost with "
        "that node. Let "
        "it run on a second one, bind it to the node with vm_node, or accept that with ha_spare: false.",
    ),
    "too large for a second node": (
        both(put(*WEB, "vm_memory", "30GiB"), room(node2=64)),
        "web1: only node2 can run it, the only one with 30 GiB of memory and 2 vcpus for it; it would be "
        "lost with that "
        "node. Let it run on a second one, bind it to the node with vm_node, or accept that with ha_spare: false.",
    ),
    "node without the network": (
        both(
            put(*WEB, "vm_nodes", ["node1", "node2"]),
            put(*NODE1, "network_bridges", {"lan": {"ports": ["eno1"]}, "dmz": {}}),
            put(*WEB, "vm_nics", [{"network": "dmz", "address": "dhcp"}]),
        ),
        "web1: vm_nics[0].network: node2, chosen by vm_nodes, has no dmz for it; node1 has.",
    ),
    "too many apart": (
        both(every(vm_apart=["x"], vm_affinity_strict=True, vm_nodes=["node1"]), put("nodes", "ha_spare", False)),
        "vm_apart x: 2 VMs (db1, web1) must be apart and have 1 nodes that can run them; take fewer, or take out "
        "vm_affinity_strict.",
    ),
    "too many apart by domain": (
        both(every(vm_apart=["x"], vm_affinity_strict=True, vm_apart_by="domain"), put("nodes", "ha_domain", "rack1")),
        "vm_apart x: 2 VMs (db1, web1) must be apart and have 1 failure domains (ha_domain) that can run "
        "them; take fewer, "
        "or take out vm_affinity_strict.",
    ),
    "apart and together": (
        every(vm_apart=["x"], vm_together=["y"], vm_affinity_strict=True),
        "vm_affinity_strict: db1, web1 must be apart (vm_apart x) and on one node (vm_together); remove one "
        "of the two.",
    ),
    "together on different nodes": (
        both(
            every(vm_together=["y"], vm_affinity_strict=True),
            put(*WEB, "vm_nodes", ["node1", "node2"]),
            put(*DB, "vm_nodes", ["node3"]),
        ),
        "vm_together: db1, web1 must be on one node, and no node has the networks of all or is in vm_nodes "
        "of all; correct "
        "these, or take out vm_affinity_strict.",
    ),
    "differs": (
        put(*NODE1, "ha_token", 3000),
        "ha_token differs between node1 and node2; set it once, for the group nodes.",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_one_sentence(cluster: Any, case: str) -> None:
    change, sentence = CASES[case]
    change(cluster)
    sentences, plan = cluster.judge()
    assert [text for text in sentences if not text.startswith("ha_token differs between node1 and node3")] == [sentence]
    assert plan is None


# What is allowed once it is said.
ACCEPTED = {
    "no fencing": both(without_fence, put("nodes", "ha_fencing", False)),
    "the storage alone": both(without_fence, put("nodes", "ha_storage_fencing", "alone")),
    "a watchdog that is named": both(
        without_fence,
        put("facts", "node1", "ha", "watchdogs", ["/dev/watchdog0", "/dev/watchdog1"]),
        put(*NODE1, "ha_watchdog", "/dev/watchdog1"),
    ),
    "a watchdog by its old name": put(*NODE1, "ha_watchdog", "/dev/watchdog"),
    "no spare room": both(put("nodes", "ha_spare", False), put(*WEB, "vm_memory", "26GiB"), room(node2=40)),
    "one node": both(put("nodes", "ha_spare", False), put(*WEB, "vm_nodes", ["node1"])),
    "one node, bound": put(*WEB, "vm_node", "node1"),
    "apart, softly": every(vm_apart=["x"], vm_nodes=["node1", "node2"]),
    "apart, with one to spare": every(vm_apart=["x"], vm_affinity_strict=True),
    "together": every(vm_together=["x"], vm_affinity_strict=True),
    "few nodes without it": both(
        keep("nodes", "node1", "node2"),
        put("nodes", "preflight_allow_few_nodes", True),
        put("nodes", "ceph_pools", {"vms": {"size": 2}}),
        put("nodes", "ha_enabled", False),
    ),
    "a BMC on another port": put("hosts", "node2", "ha_bmc", NO_BMC | {"port": 6230}),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_accepted(cluster: Any, case: str) -> None:
    ACCEPTED[case](cluster)
    sentences, plan = cluster.judge()
    assert sentences == []
    assert plan is not None
