"""What Pacemaker decides of our CIBs: its own scheduler, with VMs and nodes that are only named."""

from __future__ import annotations

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
    cluster = build(vms, variables={"ha_members_max": 3})
    assert cluster.valid() == ""


@pytest.mark.parametrize("nodes", [3, 5, 16])
def test_any_node_can_be_lost(build: Build, nodes: int) -> None:
    cluster = build(many(4 * nodes), nodes=nodes)
    assert balanced(cluster, nodes)
    for place in range(1, nodes + 1):
        node = f"node{place}"
        lost, before = cluster.on(node), dict(cluster.at)
        cluster.lose(node)
        assert cluster.stopped() == set()
        # Only what it ran is started elsewhere; nobody else is disturbed.
        assert cluster.moves.keys() == lost
        assert all(cluster.at[name] == before[name] for name in before.keys() - lost)
        cluster.back(node)
        assert cluster.moves == {}
