"""Draining nodes: what blocks it, and what is changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from ansible_collections.cairn.hci.plugins.module_utils import _cluster_nodes, _drain, _moves

from .conftest import NODES, VMS, Pacemaker, cib, resource

Run = Callable[..., dict[str, Any]]
ONLINE = {"online": True}
REMEDY = "shut it down first, or let it go down with the node."
ONE_LEFT = "so only 1 of 3 nodes would be left, and 2 are needed."


def test_a_drain_writes_standby_and_remembers_the_vms(pacemaker: Pacemaker, run_module: Run) -> None:
    pacemaker.would = {"web2": "node1", "db1": "node3"}
    result = run_module("cluster_node", name="node2", availability="drained")
    assert result["changed"]
    assert result["nodes"][0]["returning_vms"] == ["db1", "web2"]
    assert pacemaker.constraints() == {
        "drained-node2-db1": ("vm-db1", "node2", "15000"),
        "drained-node2-web2": ("vm-web2", "node2", "15000"),
    }
    assert pacemaker.patches == 1


def test_a_drained_node_is_left_alone(pacemaker: Pacemaker, run_module: Run) -> None:
    pacemaker.would = {"web2": "node1", "db1": "node3"}
    run_module("cluster_node", name="node2", availability="drained")
    assert not run_module("cluster_node", name="node2", availability="drained")["changed"]
    assert pacemaker.patches == 1


def test_check_mode_predicts_and_changes_nothing(pacemaker: Pacemaker, run_module: Run) -> None:
    pacemaker.would = {"web2": "node1", "db1": "node3"}
    result = run_module("cluster_node", name="node2", availability="drained", check_mode=True)
    assert (result["changed"], pacemaker.patches) == (True, 0)
    assert result["diff"]["after"] == {"node2": {"availability": "drained"}}


def test_a_node_gets_its_vms_back_then_forgets_them(pacemaker: Pacemaker, run_module: Run) -> None:
    pacemaker.would = {"web2": "node1", "db1": "node3"}
    run_module("cluster_node", name="node2", availability="drained")
    returning = run_module("cluster_node", name="node2", availability="returning")["nodes"][0]
    assert (returning["availability"], returning["standby"]) == ("returning", False)
    assert len(pacemaker.constraints()) == 2
    active = run_module("cluster_node", name="node2", availability="active")["nodes"][0]
    assert (active["availability"], pacemaker.constraints()) == ("active", {})
    assert not run_module("cluster_node", name="node2", availability="returning")["changed"]


def test_attributes_are_set_and_taken_away(pacemaker: Pacemaker, run_module: Run) -> None:
    assert run_module("cluster_node", name="node1", attributes={"cairn-reboot": "b1"})["changed"]
    assert not run_module("cluster_node", name="node1", attributes={"cairn-reboot": "b1"})["changed"]
    info = run_module("cluster_node_info", name=["node1"])["nodes"]
    assert info[0]["attributes"] == {"cairn-reboot": "b1"}
    assert run_module("cluster_node", name="node1", attributes={"cairn-reboot": ""})["nodes"][0]["attributes"] == {}


def test_a_guest_of_another_drained_node_is_not_remembered() -> None:
    first = _drain.drained(cib({"web1": "node1"}), {"node1"}, {"web1": resource("node1")})
    second = _drain.drained(first, {"node2"}, {"web1": resource("node2")})
    assert _moves.pulls(second, _moves.DRAINED) == [("drained-node1-web1", "web1", "node1")]


def test_all_that_blocks_is_said_at_once(
    pacemaker: Pacemaker, run_module: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    domains = {"storage2": ["0000:03:00.0"], "appliance": []}
    monkeypatch.setattr(_cluster_nodes.ClusterNodes, "domains", lambda _self, _node: domains)
    pacemaker.cib = cib(VMS, only={"db1": ["node2"]})
    pacemaker.would = {"web2": "node1"}
    assert run_module("cluster_node", name="node2", availability="drained")["msg"].splitlines() == [
        "db1 can't leave node2: only node2 may run it (vm_nodes, or the networks that it has).",
        f"appliance can't leave node2: it has vm_node or vm_ha: false; {REMEDY}",
        f"storage2 can't leave node2: it has the device 0000:03:00.0 of the node; {REMEDY}",
    ]
    assert pacemaker.patches == 0


def test_domains_may_go_down_with_the_node(
    pacemaker: Pacemaker, run_module: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_cluster_nodes.ClusterNodes, "domains", lambda _self, _node: {"appliance": []})
    assert run_module("cluster_node", name="node3", availability="drained", leave_domains=True)["changed"]


def test_an_unknown_node(pacemaker: Pacemaker, run_module: Run) -> None:
    message = run_module("cluster_node", name="node9", availability="drained")["msg"]
    assert message == "node9 is no node of this cluster; it has node1, node2, node3."


def nodes(**changes: dict[str, bool]) -> dict[str, dict[str, bool]]:
    return {name: ONLINE | changes.get(name, {}) for name in NODES}


@pytest.mark.parametrize(
    ("state", "leaving", "sentences"),
    [
        ({}, set(), []),
        ({"node1": {"online": False}}, set(), ["node1 is offline; there is nothing to drain."]),
        (
            {"node2": {"standby": True}, "node3": {"online": False}},
            set(),
            ["node1 is the last node that could take the load: node2 is drained, node3 is offline."],
        ),
        (
            {"node2": {"standby": True}},
            set(),
            ["Without node1 there would be no quorum: node2 is drained, " + ONE_LEFT],
        ),
        (
            {},
            {"node3"},
            ["Without node1 there would be no quorum: node3 is drained, " + ONE_LEFT],
        ),
    ],
)
def test_what_of_the_nodes_blocks(state: dict[str, Any], leaving: set[str], sentences: list[str]) -> None:
    assert list(_drain.node_blockers("node1", nodes(**state), leaving, set(NODES))) == sentences


def test_a_remote_node_has_no_vote() -> None:
    assert list(_drain.quorum_blockers("node3", nodes(), {"node1"}, {"node1", "node2"})) == []


@pytest.mark.parametrize(
    ("made", "after", "sentences"),
    [
        (cib(VMS), {"web1": "node2"}, []),
        (
            cib(VMS, memory=2048),
            {"web1": None},
            ["web1 can't leave node1: it needs 2048 MiB, and node2 has 0 MiB, node3 has 4096 MiB left."],
        ),
        (
            cib(VMS),
            {"web1": None},
            [
                "web1 can't leave node1: beside the other VMs there is no way to have it on node2 or node3: the room, "
                "vm_apart, vm_together, or a failure there ('crm_mon -1') forbids it."
            ],
        ),
        (cib(VMS), {"web1": "node2", "db1": None}, ["db1, on node2, would be stopped to make room."]),
    ],
)
def test_what_of_the_vms_blocks(made: ET.Element, after: dict[str, str | None], sentences: list[str]) -> None:
    running = {name: resource(node) for name, node in VMS.items()}
    then = {name: resource(node) for name, node in (VMS | after).items()}
    state = nodes(node1={"standby": True})
    if "2048 MiB" in "".join(sentences):
        state["node3"] = {"online": True, "maintenance": True}
        sentences = ["web1 can't leave node1: it needs 2048 MiB, and node2 has 0 MiB left."]
    assert list(_drain.vm_blockers("node1", made, state, running, then)) == sentences


def test_devices_are_named_by_their_address() -> None:
    text = (
        "<domain><devices><hostdev type='pci'><source><address domain='0x0000' bus='0x03' slot='0x00' function='0x1'/>"
        "</source></hostdev></devices></domain>"
    )
    assert _drain.devices(ET.fromstring(text)) == ["0000:03:00.1"]


def test_a_node_that_would_take_vms_must_answer(pacemaker: Pacemaker, run_module: Run) -> None:
    pacemaker.would, pacemaker.silent = {"web1": "node3"}, "libvirt does not answer"
    assert run_module("cluster_node", name="node1", availability="drained")["msg"] == "libvirt does not answer"
    pacemaker.would = {}
    assert run_module("cluster_node", name="node3", availability="drained")["changed"]
