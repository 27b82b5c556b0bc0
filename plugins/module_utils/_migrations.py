# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Live migrations of VMs, as a resource: a constraint in Pacemaker's CIB that lasts until the VM has moved.

Private to the collection.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from ansible_collections.cairn.hci.plugins.module_utils import _moves, _pacemaker
from ansible_collections.cairn.hci.plugins.module_utils._cib import merge
from ansible_collections.cairn.hci.plugins.module_utils._libvirt import silent
from ansible_collections.cairn.hci.plugins.module_utils._resource import (
    Change,
    Object,
    Resource,
    ResourceError,
    create,
    remove,
)


class Migrations(Resource):
    """VMs that are drawn to a node. Where each would go is asked of crm_simulate before the first one moves."""

    plural = "migrations"

    def __init__(self, params: Object) -> None:
        """Keep the options."""
        super().__init__(params)
        self.cib = ET.Element("cib")
        self.nodes: dict[str, Object] = {}
        self.vms: dict[str, Object] = {}
        self.after: dict[str, Object] = {}
        self.silent: dict[str, str] = {}

    def open(self) -> None:
        """Wait for the cluster."""
        _pacemaker.wait_ready(self.params["timeout"])

    def read(self, wanted: list[Object] | None) -> dict[str, Object]:
        """Return the VMs that are drawn to a node; before a change, ask where the others would go."""
        self.cib, shown = _pacemaker.query(), _pacemaker.monitor()
        self.nodes, self.vms = _pacemaker.nodes(shown), _moves.vms(_pacemaker.resources(shown))
        there = {vm: node for _id, vm, node in _moves.pulls(self.cib, _moves.MOVED)}
        found = {name: {"name": name, "node": self.home(name), "to": to} for name, to in there.items()}
        if self.wanted and not self.after:
            self.after = self.simulated(found)
            self.silent = silent({self.aim(item) for item in self.wanted} & self.nodes.keys())
        return (
            found if wanted is None else {item["name"]: found[item["name"]] for item in wanted if item["name"] in found}
        )

    def home(self, name: str) -> str | None:
        """The node that runs a VM."""
        return _moves.home(self.vms[name]) if name in self.vms else None

    def aim(self, item: Object) -> str:
        """The node that a VM would move to, if any."""
        then = self.after.get(item["name"])
        return (_moves.home(then) if then and item["state"] == "present" else None) or ""

    @staticmethod
    def resumed(item: Object, current: Object | None) -> bool:
        """Whether an interrupted run has begun this migration, and it is not over."""
        return current is not None and current["node"] != current["to"] and item["to"] in (None, current["to"])

    def simulated(self, found: dict[str, Object]) -> dict[str, Object]:
        """The VMs as they would be after all migrations that are asked for."""
        drawn = []
        for item in self.wanted:
            name, to, now = item["name"], item["to"], self.home(item["name"])
            if item["state"] == "present" and now and to != now and not self.resumed(item, found.get(name)):
                score = _moves.PULL if to else -_moves.PULL
                drawn.append(("constraints", _moves.pull(_moves.MOVED + name, name, to or now, score)))
        if not drawn:
            return self.vms
        return _moves.vms(_pacemaker.resources(_pacemaker.simulate(merge(self.cib, drawn, ()))))

    def normalise(self, wanted: Object, current: Object | None) -> Object:
        """The node: that of a migration that an interrupted run has left, or Pacemaker's choice where none is named.

        Raise ResourceError for a migration that can't be.
        """
        name, to = wanted["name"], wanted["to"]
        if wanted["state"] == "absent":
            return wanted
        if name not in self.vms:
            raise ResourceError(
                f"{name} can't be moved: it is no VM that the cluster looks after (unknown, or with vm_node or vm_ha: "
                "false, which keep a VM on its node)."
            )
        now, then = self.home(name), _moves.home(self.after[name])
        if now is None:
            raise ResourceError(f"{name} can't be moved: it does not run.")
        if self.resumed(wanted, current):
            return wanted | {"to": current["to"]} if current else wanted
        if to is None:
            self.check_anywhere(name, now, then)
        else:
            self.check(name, to, then)
        if then in self.silent and then != now:
            raise ResourceError(f"{name} can't go to {then}: {self.silent[then]}.")
        return wanted | {"to": to or then}

    def plan(self, current: Object | None, wanted: Object) -> list[Change]:
        """Nothing for a VM that is there already."""
        if wanted["state"] == "absent":
            return remove() if current is not None else []
        to = wanted["to"]
        if current is not None:
            return [Change("to", current["to"], to)] if current["to"] != to else []
        now = self.home(wanted["name"])
        return create({"node": now, "to": to}) if to != now else []

    def check(self, name: str, to: str, then: str | None) -> None:
        """Whether a VM can go to a node."""
        if to not in self.nodes:
            raise ResourceError(f"{name} can't go to {to}: this cluster has only {', '.join(sorted(self.nodes))}.")
        if not _moves.usable(self.nodes[to]):
            raise ResourceError(f"{name} can't go to {to}: that node is {_moves.why_unusable(self.nodes[to])}.")
        if then != to:
            raise ResourceError(f"{name} can't go to {to}: {_moves.why_not(self.cib, self.after, name, [to])}.")

    def check_anywhere(self, name: str, now: str, then: str | None) -> None:
        """Whether there is any other node for a VM."""
        if then in (None, now):
            others = [node for node, state in self.nodes.items() if node != now and _moves.usable(state)]
            raise ResourceError(f"{name} can't leave {now}: {_moves.why_not(self.cib, self.after, name, others)}.")

    def apply_all(self, work: list[tuple[Object | None, Object, list[Change]]]) -> None:
        """All in one patch; Pacemaker moves the VMs after it, and they stay where they are when this is taken away."""
        cib = _pacemaker.query()
        put = [
            ("constraints", _moves.pull(_moves.MOVED + item["name"], item["name"], item["to"]))
            for _current, item, _changes in work
            if item["state"] == "present"
        ]
        gone = [_moves.MOVED + item["name"] for _current, item, _changes in work if item["state"] == "absent"]
        _pacemaker.patch(cib, merge(cib, put, gone))
