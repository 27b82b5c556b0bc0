# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes of Pacemaker's cluster and what they are there for, as a resource.

Private to the collection.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from ansible_collections.cairn.hci.plugins.module_utils import _drain, _moves, _pacemaker
from ansible_collections.cairn.hci.plugins.module_utils._ceph import Cluster, CommandError
from ansible_collections.cairn.hci.plugins.module_utils._libvirt import binding, connect_to, explained, silent
from ansible_collections.cairn.hci.plugins.module_utils._resource import Change, Object, Resource, ResourceError

STATES = ("online", "standby", "maintenance", "unclean")


class ClusterNodes(Resource):
    """Nodes, with one query of the CIB and one of crm_mon; what a drain would do is asked of crm_simulate before."""

    plural = "nodes"

    def __init__(self, params: Object) -> None:
        """Keep the options."""
        super().__init__(params)
        self.leaving: set[str] = set()
        self.cib = ET.Element("cib")
        self.shown: dict[str, Object] = {}
        self.running: dict[str, Object] = {}
        self.blockers: dict[str, list[str]] = {}

    def open(self) -> None:
        """Wait for the cluster."""
        _pacemaker.wait_ready(self.params["timeout"])

    def read(self, wanted: list[Object] | None) -> dict[str, Object]:
        """Return the nodes; where some are to be drained, ask first what blocks it."""
        self.cib, shown = _pacemaker.query(), _pacemaker.monitor()
        self.shown, self.running = _pacemaker.nodes(shown), _moves.vms(_pacemaker.resources(shown))
        there = [entry.get("uname", "") for entry in self.cib.iterfind("configuration/nodes/node")]
        names = there if wanted is None else [item["name"] for item in wanted if item["name"] in there]
        found = {name: self.entry(name) for name in names}
        self.leaving = {
            item["name"]
            for item in self.wanted
            if item["availability"] == "drained" and found.get(item["name"], {}).get("availability") != "drained"
        } & found.keys()
        self.blockers = self.ask_blockers() if self.leaving else {}
        return found

    def entry(self, name: str) -> Object:
        """One node."""
        shown = self.shown.get(name, {})
        own = [vm for _id, vm, node in _moves.pulls(self.cib, _moves.DRAINED) if node == name]
        plain = {key: value for key, value in _moves.attributes(self.cib, name).items() if key != _drain.STANDBY}
        return {
            "name": name,
            "availability": _drain.availability(self.cib, name),
            **{key: bool(shown.get(key)) for key in STATES},
            "vms": sorted(vm for vm, now in self.running.items() if _moves.home(now) == name),
            "returning_vms": sorted(own),
            "attributes": plain,
        }

    # -- what blocks a drain

    def ask_blockers(self) -> dict[str, list[str]]:
        """What blocks the drain of each node that is to be drained."""
        entries = self.cib.iterfind("configuration/nodes/node")
        members = {entry.get("uname", "") for entry in entries if entry.get("type", "member") == "member"}
        shown = {name: self.shown.get(name, {}) for name in members | self.shown.keys()}
        found = {name: list(_drain.node_blockers(name, shown, self.leaving - {name}, members)) for name in self.leaving}
        if any(found.values()):
            return found
        after = _moves.vms(
            _pacemaker.resources(_pacemaker.simulate(_drain.drained(self.cib, self.leaving, self.running)))
        )
        state = {name: one | {"standby": True} if name in self.leaving else one for name, one in shown.items()}
        for name in self.leaving:
            found[name] += _drain.vm_blockers(name, self.cib, state, self.running, after)
            if not self.params["leave_domains"]:
                found[name] += _drain.domain_blockers(name, self.domains(name))
        found[min(self.leaving)] += silent(_drain.takers(self.leaving, self.running, after)).values()
        down = self.leaving | {name for name, one in shown.items() if one.get("standby")}
        found[min(self.leaving)] += self.storage_blockers(down)
        return found

    def domains(self, node: str) -> dict[str, list[str]]:
        """The domains that run on a node and are none of Pacemaker's, with the devices that are passed through."""
        connection = connect_to(node)
        try:
            with explained(f"domains of {node}"):
                active = connection.listAllDomains(binding().VIR_CONNECT_LIST_DOMAINS_ACTIVE)
                return {
                    domain.name(): _drain.devices(ET.fromstring(domain.XMLDesc()))
                    for domain in active
                    if domain.name() not in self.running and domain.name() not in self.params["storage_vms"]
                }
        finally:
            connection.close()

    def storage_blockers(self, down: set[str]) -> Iterator[str]:
        """Whether Ceph can do without the monitors and OSDs of these nodes; it knows its quorum and each min_size."""
        with Cluster(self.params) as cluster:
            tree = cluster.command({"prefix": "osd tree"})["nodes"]
            osds = [
                str(osd) for host in tree if host["type"] == "host" and host["name"] in down for osd in host["children"]
            ]
            monitors = [one["name"] for one in cluster.command({"prefix": "mon dump"})["mons"] if one["name"] in down]
            nodes = " and ".join(sorted(down))
            for prefix, ids, manager in (("mon ok-to-stop", monitors, False), ("osd ok-to-stop", osds, True)):
                try:
                    if ids:
                        cluster.command({"prefix": prefix, "ids": ids}, manager=manager)
                except CommandError as error:
                    yield f"Ceph can't do without {nodes}: {error}"

    # -- planning and acting

    def plan(self, current: Object | None, wanted: Object) -> list[Change]:
        """The changes of one node. Raise ResourceError for an unknown one, and with all that blocks a drain."""
        name = wanted["name"]
        if current is None:
            there = ", ".join(sorted(entry.get("uname", "") for entry in self.cib.iterfind("configuration/nodes/node")))
            raise ResourceError(f"{name} is no node of this cluster; it has {there or 'none'}.")
        changes = []
        before, after = current["availability"], wanted["availability"]
        if after not in (None, before) and (before, after) != ("active", "returning"):
            if self.blockers.get(name):
                raise ResourceError("\n".join(self.blockers[name]))
            changes.append(Change("availability", before, after))
        given = (wanted["attributes"] or {}).items()
        pairs = {key: str(value) if value not in (None, "") else None for key, value in given}
        new = {key: value for key, value in (current["attributes"] | pairs).items() if value is not None}
        if new != current["attributes"]:
            changes.append(Change("attributes", current["attributes"], new))
        return changes

    def apply_all(self, work: list[tuple[Object | None, Object, list[Change]]]) -> None:
        """All in one patch; Pacemaker moves the VMs after it."""
        before = made = _pacemaker.query()
        new: dict[str, set[str]] = {state: set() for state in ("active", "returning", "drained")}
        for _current, wanted, changes in work:
            if any(change.field == "availability" for change in changes):
                new[wanted["availability"]].add(wanted["name"])
        made = _drain.drained(made, new["drained"], self.running)
        made = _drain.undrained(made, new["active"], forget=True)
        made = _drain.undrained(made, new["returning"], forget=False)
        for _current, wanted, _changes in work:
            for key, value in (wanted["attributes"] or {}).items():
                _moves.set_attribute(made, wanted["name"], key, None if value in (None, "") else str(value))
        _pacemaker.patch(before, made)
