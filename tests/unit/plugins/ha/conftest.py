"""Clusters of any size, from inventories."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..preflight.conftest import GIB, World
from .simulator import Cluster

Build = Callable[..., Cluster]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Make a cluster: `build({"web1": {"vm_memory": "2GiB"}}, nodes=3, room=8)`; the room of each node is in GiB."""

    def made(
        vms: dict[str, dict[str, Any]], *, nodes: int = 3, room: int = 64, racks: dict[str, str] | None = None
    ) -> Cluster:
        world = World(tmp_path / "no-image")
        for place in range(4, nodes + 1):
            world.add_node(f"node{place}")
        world.available()
        world.nodes |= {"ceph_osd_memory": "1GiB", "libvirt_reserved_memory": "1GiB", "ha_spare": False}
        for name, rack in (racks or {}).items():
            world.hosts[name]["ha_domain"] = rack
        for one in world.facts.values():
            one |= {"memory": (room + 2) * GIB, "cpus": 64}
        world.groups["vms"] = list(vms)
        world.vms = {"vm_nics": [{"network": "lan"}], "vm_wait": 0}
        world.hosts |= vms
        sentences, plan = world.judge()
        assert sentences == []
        assert plan is not None
        return Cluster(plan, tmp_path)

    return made
