"""What Pacemaker decides of our CIBs: its own scheduler, with VMs and nodes that are only named."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from .simulator import Cluster

Build = Callable[..., Cluster]


def many(count: int, **variables: Any) -> dict[str, dict[str, Any]]:
    """VMs with the same variables."""
    return {f"vm{number:03}": dict(variables) for number in range(1, count + 1)}


def balanced(cluster: Cluster, nodes: int) -> bool:
    """Whether no node has more than one VM more than another."""
    counts = [len(cluster.on(f"node{place}")) for place in range(1, nodes + 1)]
    return max(counts) - min(counts) <= 1


def test_the_cib_is_valid(build: Build) -> None:
    vms = {
        "web1": {"vm_apart": ["web"], "vm_prefer": ["node2", "node3"], "vm_nodes": ["node2", "node3"]},
        "web2": {"vm_apart": ["web", "rack"], "vm_apart_by": "domain", "vm_shutdown_timeout": 600},
        "db1": {"vm_together": ["db"], "vm_start_after": ["web1"], "vm_guest_shutdown": "restart"},
        "db2": {"vm_together": ["db"], "vm_affinity_strict": True, "vm_priority": 10, "vm_power": "stopped"},
        "db3": {"vm_together": ["db"], "vm_apart": ["rack"]},
    }
    cluster = build(vms)
    assert cluster.valid() == ""


@pytest.mark.parametrize(("nodes", "count"), [(3, 12), (5, 15), (16, 32)])
def test_any_node_can_be_lost(build: Build, nodes: int, count: int) -> None:
    cluster = build(many(count), nodes=nodes)
    assert balanced(cluster, nodes)
    for node in (f"node{place}" for place in range(1, nodes + 1)):
        moves = cluster.loss(node)
        # What it ran is started elsewhere, and nobody else is disturbed.
        assert moves.keys() == cluster.on(node)
        assert {action for action, _from, _to in moves.values()} == {"move"}


def test_a_node_that_is_back_disturbs_nobody(build: Build) -> None:
    cluster = build(many(12, vm_prefer=["node1"]))
    assert cluster.on("node1") == {f"vm{number:03}" for number in range(1, 13)}
    cluster.lose("node1")
    assert cluster.stopped() == set()
    cluster.back("node1")
    assert cluster.moves == {}


def test_maintenance_moves_all_vms_live(build: Build) -> None:
    cluster = build(many(9))
    there = cluster.on("node2")
    cluster.standby("node2", on=True)
    assert cluster.moves.keys() == there
    assert {action for action, _from, _to in cluster.moves.values()} == {"migrate"}
    assert cluster.stopped() == set()
    cluster.standby("node2", on=False)
    assert cluster.moves == {}


# Three nodes with room for 4 GiB each: VMs by their memory in GiB, and how many can't run when node1 is lost.
@pytest.mark.parametrize(
    ("sizes", "without"),
    [
        ([1] * 8, 0),
        ([1] * 9, 1),
        ([2] * 4, 0),
        ([2] * 5, 1),
        ([4, 4], 0),
        ([4, 4, 1], 1),
    ],
)
def test_the_edge_of_capacity(build: Build, sizes: list[int], without: int) -> None:
    cluster = build({f"vm{n}": {"vm_memory": f"{size}GiB"} for n, size in enumerate(sizes)}, room=4)
    assert cluster.stopped() == set()
    cluster.lose("node1")
    assert len(cluster.stopped()) == without


def test_the_largest_of_the_lost_are_placed_first(build: Build) -> None:
    # node1 has them all; the small ones, if they were first, would take some room on both other nodes.
    sizes = {"a1": 1, "a2": 1, "z1": 4, "z2": 2}
    vms = {name: {"vm_memory": f"{size}GiB", "vm_prefer": ["node1"]} for name, size in sizes.items()}
    vms |= {f"b{n}": {"vm_memory": "4GiB", "vm_nodes": [f"node{n}"]} for n in (2, 3)}
    cluster = build(vms, room=8)
    assert cluster.on("node1") == sizes.keys()
    cluster.lose("node1")
    assert cluster.stopped() == set()


def test_running_vms_are_not_driven_away_by_those_of_a_lost_node(build: Build) -> None:
    # node2 has room for one more, node3 for five; the lost ones count more on node1 than the others where they are.
    at = {f"a{n}": "node1" for n in range(6)}
    at |= {f"x{n}": "node2" for n in range(9)} | {f"y{n}": "node3" for n in range(5)}
    cluster = build({name: {"vm_prefer": ["node1"]} if name < "x" else {} for name in at}, room=10)
    cluster.place(at)
    assert cluster.decide() == {}
    moves = cluster.loss("node1")
    assert moves.keys() == cluster.on("node1")
    assert sorted(str(to) for _action, _from, to in moves.values()) == ["node2"] + 5 * ["node3"]


def test_priority_decides_where_room_is_short(build: Build) -> None:
    # Full: the VM that counts most runs on, the next moves none of its kind, and some of the others make room.
    vms = many(8) | {"db1": {"vm_memory": "2GiB", "vm_priority": 10}, "db2": {"vm_memory": "2GiB", "vm_priority": 5}}
    cluster = build(vms, room=4)
    assert cluster.stopped() == set()
    cluster.lose(str(cluster.at["db1"]))
    assert len(cluster.stopped()) == 4
    assert all(name.startswith("vm") for name in cluster.stopped())


@pytest.mark.parametrize(
    ("vms", "nodes", "spread"),
    [
        # Softly: as far as there are nodes, and again as soon as there are.
        (many(3, vm_apart=["web"]), 3, [3, 2, 3]),
        # Bindingly: what has no node of its own is stopped.
        (many(3, vm_apart=["web"], vm_affinity_strict=True), 3, [3, 2, 3]),
        # Two racks of two nodes: one VM in each, also with a node lost.
        (many(2, vm_apart=["web"], vm_apart_by="domain"), 4, [2, 2, 2]),
    ],
)
def test_vms_are_kept_apart(build: Build, vms: dict[str, dict[str, Any]], nodes: int, spread: list[int]) -> None:
    strict = "vm_affinity_strict" in vms["vm001"]
    racks = {f"node{n}": f"rack{n % 2}" for n in range(1, nodes + 1)} if nodes == 4 else {}
    cluster = build(vms, nodes=nodes, racks=racks)
    places = []
    for event in (None, cluster.lose, cluster.back):
        if event:
            event("node1")
        where = [racks.get(node, node) for node in cluster.at.values() if node]
        places.append(len(set(where)))
        assert len(cluster.stopped()) == (1 if strict and event == cluster.lose else 0)
    assert places == spread
    cluster.then()
    assert cluster.moves == {}


@pytest.mark.parametrize("strict", [False, True])
def test_vms_are_kept_together(build: Build, strict: bool) -> None:
    cluster = build(many(3, vm_together=["shop"], vm_affinity_strict=strict) | {"other": {}})
    for event in (None, cluster.lose, cluster.back):
        if event:
            event(str(cluster.at["vm001"]) if event == cluster.lose else "node1")
        assert len({cluster.at[name] for name in ("vm001", "vm002", "vm003")}) == 1
        assert cluster.stopped() == set()


def test_only_able_nodes_and_the_preferred_one_first(build: Build) -> None:
    cluster = build({"web1": {"vm_nodes": ["node2", "node3"], "vm_prefer": ["node3", "node2"]}})
    assert cluster.at["web1"] == "node3"
    cluster.lose("node3")
    assert cluster.at["web1"] == "node2"
    cluster.lose("node2")
    assert cluster.stopped() == {"web1"}


def test_a_stopped_vm_stays_stopped_and_blocks_nobody(build: Build) -> None:
    vms = many(2, vm_together=["shop"], vm_affinity_strict=True)
    vms["vm001"]["vm_power"] = "stopped"
    assert build(vms).stopped() == {"vm001"}


@pytest.mark.parametrize("nodes", [5, 16])
def test_500_vms(build: Build, nodes: int) -> None:
    cluster = build(many(500), nodes=nodes, room=256)
    assert balanced(cluster, nodes)
    start = time.monotonic()
    moves = cluster.loss("node1")
    assert time.monotonic() - start < 60
    assert moves.keys() == cluster.on("node1")
    assert {action for action, _from, _to in moves.values()} == {"move"}
