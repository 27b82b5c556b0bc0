"""A cluster of Pacemaker in memory: a CIB, what crm_mon would show of it, and where VMs would go."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from ansible_collections.cairn.hci.plugins.module_utils import _cluster_nodes, _migrations, _moves, _pacemaker

NODES = ("node1", "node2", "node3")
VMS = {"web1": "node1", "web2": "node2", "db1": "node2"}


def cib(vms: Iterable[str], *, memory: int = 1024, only: dict[str, list[str]] | None = None) -> ET.Element:
    """Three nodes with 4096 MiB each, and these VMs."""
    root = ET.Element("cib", {"have-quorum": "1", "dc-uuid": "1"})
    configuration = ET.SubElement(root, "configuration")
    entries, resources, constraints = (
        ET.SubElement(configuration, name) for name in ("nodes", "resources", "constraints")
    )
    for number, name in enumerate(NODES, 1):
        text = (
            f'<node id="{number}" uname="{name}"><utilization id="u{number}">'
            f'<nvpair id="m{number}" name="memory" value="4096"/></utilization></node>'
        )
        entries.append(ET.fromstring(text))
    for name in vms:
        text = (
            f'<primitive id="vm-{name}"><utilization id="u-{name}">'
            f'<nvpair id="m-{name}" name="memory" value="{memory}"/></utilization></primitive>'
        )
        resources.append(ET.fromstring(text))
    for name, nodes in (only or {}).items():
        expressions = "".join(f'<expression attribute="#uname" operation="ne" value="{node}"/>' for node in nodes)
        rule = f'<rule score="-INFINITY">{expressions}</rule>'
        text = f'<rsc_location id="cairn-nodes-{name}" rsc="vm-{name}">{rule}</rsc_location>'
        constraints.append(ET.fromstring(text))
    return root


def resource(node: str | None, **changes: Any) -> dict[str, Any]:
    """A VM as crm_mon shows it."""
    role = "Started" if node else "Stopped"
    plain = {"agent": "ocf:cairn:vm", "target_role": "Started", "blocked": False, "pending": None}
    return {"role": role, "nodes": [node] if node else [], **plain, **changes}


class Pacemaker:
    """What the modules ask and change. `would` has where VMs would go, which crm_simulate finds out."""

    def __init__(self) -> None:
        self.vms: dict[str, str | None] = dict(VMS)
        self.cib = cib(self.vms)
        self.offline: set[str] = set()
        self.would: dict[str, str | None] = {}
        self.patches = 0
        # Why libvirt does not answer, on all nodes.
        self.silent = ""

    def nodes(self, _shown: object) -> dict[str, Any]:
        standby = {name for name in NODES if _moves.attributes(self.cib, name).get("standby") == "on"}
        return {name: {"online": name not in self.offline, "standby": name in standby} for name in NODES}

    def patch(self, _before: ET.Element, after: ET.Element) -> None:
        self.cib = after
        self.patches += 1

    def resources(self, shown: object) -> dict[str, Any]:
        now = self.vms if shown is None else self.vms | self.would
        return {f"vm-{name}": resource(node) for name, node in now.items()}

    def constraints(self) -> dict[str, tuple[str | None, ...]]:
        """Those that pull VMs."""
        found = self.cib.iterfind("configuration/constraints/rsc_location[@score]")
        return {one.get("id", ""): (one.get("rsc"), one.get("node"), one.get("score")) for one in found}


@pytest.fixture
def pacemaker(monkeypatch: pytest.MonkeyPatch) -> Pacemaker:
    """Put it where the modules find the real one; Ceph can do without any node, and no domain is of a node alone."""
    fake = Pacemaker()
    replaced: dict[str, Callable[..., Any]] = {
        "wait_ready": lambda _seconds: None,
        "query": lambda: copy.deepcopy(fake.cib),
        "monitor": lambda: None,
        "simulate": lambda made: made,
        "nodes": fake.nodes,
        "resources": fake.resources,
        "patch": fake.patch,
    }
    for name, function in replaced.items():
        monkeypatch.setattr(_pacemaker, name, function)
    monkeypatch.setattr(_cluster_nodes.ClusterNodes, "storage_blockers", lambda _self, _down: iter(()))
    monkeypatch.setattr(_cluster_nodes.ClusterNodes, "domains", lambda _self, _node: {})
    for module in (_cluster_nodes, _migrations):
        monkeypatch.setattr(module, "silent", lambda nodes: {node: fake.silent for node in nodes if fake.silent})
    return fake
