# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VMs that the cluster looks after, as a resource.

What a VM shall be is in the registry, which domain runs where in the libvirt of all nodes, and what keeps it running in
Pacemaker's CIB. A VM has no definition on any node, so none can be out of date.

Private to the collection.
"""

from __future__ import annotations

import copy
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from xml.etree import ElementTree as ET

from ansible_collections.cairn.hci.plugins.module_utils import _pacemaker, _progress, _registry
from ansible_collections.cairn.hci.plugins.module_utils._ceph import Cluster
from ansible_collections.cairn.hci.plugins.module_utils._cib import VM_CONSTRAINTS, Wanted, merge
from ansible_collections.cairn.hci.plugins.module_utils._domain_live import Guest
from ansible_collections.cairn.hci.plugins.module_utils._domain_xml import build, edit
from ansible_collections.cairn.hci.plugins.module_utils._domains import SHUTDOWN_TIMEOUT, Domains
from ansible_collections.cairn.hci.plugins.module_utils._ha_cib_vms import vm_elements
from ansible_collections.cairn.hci.plugins.module_utils._libvirt import connect, explained
from ansible_collections.cairn.hci.plugins.module_utils._resource import Change, Object, ResourceError

Work: TypeAlias = "tuple[Object | None, Object, list[Change]]"
# How the ids of VMs' resources begin, and all ids that are of VMs.
RESOURCE = "vm-"
OURS = (RESOURCE, *VM_CONSTRAINTS)
IDLE = {"stopped": "Pacemaker has not come to it; see 'crm_mon -1'"}
NOWHERE = "no node may or can take it; see 'crm_mon -1'"
COMMON: Object = {
    "pool": {"type": "str", "default": "vms"},
    "members": {"type": "list", "elements": "str", "required": True},
}
# Seconds that Pacemaker may take beyond what a guest takes to shut down.
PATIENCE = 180.0
# For how many seconds Pacemaker has nothing to do when it has come to its end: a busy one is slow to see a change.
CALM = 30.0


class Running(Guest):
    """A domain that runs without a definition of its own on the node; its configuration is in the registry."""

    def __init__(self, domain: Any, text: str) -> None:
        """Take libvirt's domain and its XML in the registry."""
        super().__init__(domain)
        self.text = text

    def xml(self, *, inactive: bool) -> ET.Element:
        """The configuration or the running domain, as a tree."""
        return ET.fromstring(self.text) if inactive else super().xml(inactive=False)


@dataclass
class Places:
    """Where domains are: those that run by name and node, and those with a definition by name and node."""

    running: dict[str, dict[str, Any]] = field(default_factory=dict)
    defined: dict[str, dict[str, Any]] = field(default_factory=dict)


def owner(element: ET.Element) -> str | None:
    """The VM that an element of the CIB is of: a resource's own, a constraint's first; None for what is not ours."""
    identity = element.get("id", "")
    if not identity.startswith(OURS):
        return None
    first = next((one.get("id", "") for one in element.iter("resource_ref")), element.get("rsc", identity))
    return first.removeprefix(RESOURCE) if first.startswith(RESOURCE) else None


def managed(cib: ET.Element, names: set[str]) -> Wanted:
    """The elements of a CIB that are of these VMs, with their sections."""
    return [
        (section, element)
        for section in ("resources", "constraints")
        for element in cib.find(f"configuration/{section}") or ()
        if owner(element) in names
    ]


def texts(elements: Wanted, name: str) -> list[str]:
    """The elements of one VM, in a spelling that can be compared."""
    own = [one for _section, one in elements if owner(one) == name]
    return sorted(ET.canonicalize(ET.tostring(one, "unicode"), strip_text=True) for one in own)


def switched_off(element: ET.Element) -> ET.Element:
    """A resource as it is, but stopped."""
    found = copy.deepcopy(element)
    for pair in found.iterfind("meta_attributes/nvpair[@name='target-role']"):
        pair.set("value", "Stopped")
    return found


def unsettled(powers: dict[str, str], shown: ET.Element, failed: dict[str, str]) -> dict[str, str]:
    """The VMs that are not yet as they shall be, with the reason of those that will not be: what has `failed`."""
    there = _pacemaker.resources(shown)
    late = {}
    for name, power in powers.items():
        now = there.get(RESOURCE + name, {"role": "Stopped", "pending": None, "blocked": False})
        role = "Stopped" if power == "stopped" else "Started"
        if now["role"] != role or now["pending"]:
            late[name] = failed.get(name, "") if now["blocked"] or not now["pending"] else ""
    return late


class Vms(Domains):
    """VMs, read with one operation on the registry, one query of the CIB and one listing a node."""

    plural = "vms"

    def __init__(self, params: Object) -> None:
        """Keep the options."""
        super().__init__(params)
        self.cluster = Cluster(params)
        self.remote: dict[str, Any] = {}
        self.texts: dict[str, str] = {}
        self.places = Places()
        self.cib = ET.Element("cib")
        # Failures before that were mended since, or are forgotten when their time comes.
        self.since = time.time()

    def open(self) -> None:
        """Connect to the storage, to Pacemaker, and to the libvirt of every node that is in the cluster."""
        self.cluster.open()
        super().open()
        _pacemaker.wait_ready(PATIENCE)
        online = _pacemaker.nodes(_pacemaker.monitor())
        others = [
            name
            for name in self.params["members"]
            if name != os.uname().nodename and online.get(name, {}).get("online")
        ]
        self.remote = {os.uname().nodename: self.connection}
        with ThreadPoolExecutor() as pool:
            self.remote |= zip(others, pool.map(self.reach, others), strict=True)

    @staticmethod
    def reach(node: str) -> Any:
        """The libvirt of another node."""
        return connect(f"qemu+tls://{node}/system")

    def close(self) -> None:
        """Disconnect."""
        for connection in self.remote.values():
            if connection is not self.connection:
                connection.close()
        super().close()
        self.cluster.close()

    # -- reading

    def read(self, wanted: list[Object] | None) -> dict[str, Object]:
        """Return the VMs of the registry, and those that still are domains of one node."""
        with self.cluster.ioctx(self.params["pool"]) as ioctx:
            self.texts = _registry.read(ioctx)
        self.cib = _pacemaker.query()
        self.places = self.find()
        # A VM that shall not be here may well be a domain of one node, which is none of our business then.
        names = dict.fromkeys(self.texts, False)
        if wanted is not None:
            names = {item["name"]: item.get("state") != "absent" for item in wanted}
        found = {}
        for name, adopted in names.items():
            text = self.texts.get(name) or (self.definition(name) if adopted else None)
            if text is not None:
                found[name] = self.whole_entry(name, text)
        for node, connection in self.remote.items():
            self.add_sizes(
                connection, [on[node] for on in map(self.places.running.get, found) if on and node in on], wanted or []
            )
        return found

    def find(self) -> Places:
        """Ask every node for its domains."""
        lib, places = self.libvirt, Places()

        def listing(node: str) -> tuple[list[Any], list[Any]]:
            with explained(f"domains of {node}"):
                connection = self.remote[node]
                active = connection.listAllDomains(lib.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
                return active, connection.listAllDomains(lib.VIR_CONNECT_LIST_DOMAINS_PERSISTENT)

        with ThreadPoolExecutor() as pool:
            for node, (active, persistent) in zip(self.remote, pool.map(listing, self.remote), strict=True):
                for domain in active:
                    places.running.setdefault(domain.name(), {})[node] = domain
                for domain in persistent:
                    places.defined.setdefault(domain.name(), {})[node] = domain
        for there in places.running.values():
            # What is just being migrated is a domain of both nodes.
            for node in [node for node, domain in there.items() if len(there) > 1 and self.arrives(domain)]:
                del there[node]
        return places

    def arrives(self, domain: Any) -> bool:
        """Whether a domain is the half of a migration that does not run yet."""
        with explained(f"domain {domain.name()}"):
            state: list[int] = domain.state()
        return state == [self.libvirt.VIR_DOMAIN_PAUSED, self.libvirt.VIR_DOMAIN_PAUSED_MIGRATION]

    def definition(self, name: str) -> str | None:
        """The XML of a VM that is a domain of one node until now."""
        for domain in self.places.defined.get(name, {}).values():
            text: str = domain.XMLDesc(self.libvirt.VIR_DOMAIN_XML_INACTIVE | self.libvirt.VIR_DOMAIN_XML_SECURE)
            return text
        return None

    def whole_entry(self, name: str, text: str) -> Object:
        """One VM: its configuration, where and how it runs, and what the CIB has of it."""
        running = self.places.running.get(name, {})
        if len(running) > 1:
            raise ResourceError(
                f"{name} runs on {' and '.join(sorted(running))} at once; stop all but one with 'virsh destroy'."
            )
        node, domain = next(iter(running.items()), (None, None))
        with explained(f"domain {name}"):
            entry = self.entry(text, domain.XMLDesc() if domain else None)
        power = "stopped" if domain is None else self.power_of(domain)
        return entry | {
            "power": power,
            "autostart": False,
            "node": node,
            "definitions": sorted(self.places.defined.get(name, {})),
        }

    def power_of(self, domain: Any) -> str:
        """The power of a domain that runs."""
        return "paused" if domain.state()[0] == self.libvirt.VIR_DOMAIN_PAUSED else "running"

    # -- planning

    def plan(self, current: Object | None, wanted: Object) -> list[Change]:
        """The domain's changes, then what Pacemaker is to be told, and definitions that are left on nodes."""
        changes = super().plan(current, wanted)
        if wanted["state"] == "absent":
            return changes
        after = texts(self.elements(), wanted["name"])
        before = texts(managed(self.cib, {wanted["name"]}), wanted["name"])
        if before != after:
            changes.append(Change("resource", before, after))
        if current and current["definitions"]:
            changes.append(Change("definitions", current["definitions"], []))
        return changes

    def elements(self, stopped: set[str] | frozenset[str] = frozenset()) -> Wanted:
        """What the CIB shall have of all VMs of the task; those in `stopped` off."""
        specs = [item for item in self.wanted if item["state"] != "absent"]
        specs = [item | {"power": "stopped"} if item["name"] in stopped else item for item in specs]
        return vm_elements(specs)

    # -- acting

    def apply_all(self, work: list[Work]) -> None:
        """Definitions first, then the domains that run, then Pacemaker, which starts and stops."""
        gone = [wanted for _current, wanted, changes in work if any(c.action == "remove" for c in changes)]
        kept = [one for one in work if one[1] not in gone]
        _registry.write(self.cluster, self.params["pool"], self.compose(kept), [])
        for _current, wanted, changes in kept:
            self.change_live(wanted, changes)
        restarts = {w["name"] for _c, w, changes in kept if any(c.action == "restart" for c in changes)}
        off = restarts | {wanted["name"] for wanted in gone}
        if off:
            self.tell(off)
            self.wait_for(dict.fromkeys(off, "stopped"))
        self.tell(frozenset())
        _registry.write(self.cluster, self.params["pool"], {}, [wanted["name"] for wanted in gone])
        self.wait_for({w["name"]: w["power"] for _c, w, changes in kept if w.get("power") and self.moves(changes)})
        for _current, wanted, _changes in kept:
            self.pause(wanted)

    @staticmethod
    def moves(changes: list[Change]) -> bool:
        """Whether a plan starts or stops something."""
        return any(change.field in {"power", "resource"} or change.action == "restart" for change in changes)

    def compose(self, work: list[Work]) -> dict[str, str]:
        """The definitions that change, as libvirt completes them."""
        found = {}
        for current, wanted, changes in work:
            name = wanted["name"]
            with explained(f"domain {name}"):
                if current is None:
                    found[name] = self.completed(build(wanted, self.host_or_fail()))
                elif self.configures(changes) or name not in self.texts:
                    root = ET.fromstring(self.texts.get(name) or self.definition(name) or "")
                    edit(root, wanted)
                    found[name] = self.completed(root)
        self.texts |= found
        return found

    def completed(self, root: ET.Element) -> str:
        """A definition with the addresses and versions that libvirt fills in; nothing is left of it on this node."""
        lib = self.libvirt
        domain = self.connection.defineXML(ET.tostring(root, "unicode"))
        text: str = domain.XMLDesc(lib.VIR_DOMAIN_XML_INACTIVE | lib.VIR_DOMAIN_XML_SECURE)
        self.forget(domain)
        return text

    def forget(self, domain: Any) -> None:
        """Remove a node's definition of a VM; one that runs goes on, and disks and NVRAM are not touched."""
        lib = self.libvirt
        flags = lib.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM | lib.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
        domain.undefineFlags(flags | lib.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE)

    def change_live(self, wanted: Object, changes: list[Change]) -> None:
        """Let a running VM have its changes at once where it can, and take its definition from its node."""
        name = wanted["name"]
        with explained(f"domain {name}"):
            for domain in self.places.defined.get(name, {}).values():
                self.forget(domain)
            for domain in self.places.running.get(name, {}).values():
                if wanted.get("power") != "stopped" and not any(change.action == "restart" for change in changes):
                    own = [c for c in changes if c.field not in {"resource", "definitions", "power"}]
                    Running(domain, self.texts[name]).change(own, self.live[name])

    def tell(self, stopped: set[str] | frozenset[str]) -> None:
        """Write what Pacemaker shall keep, in one step; a VM that is gone stays in it as long as it is in `stopped`."""
        cib = _pacemaker.query()
        present = {item["name"] for item in self.wanted if item["state"] != "absent"}
        going = {item["name"] for item in self.wanted} - present
        wanted = self.elements(stopped)
        wanted += [(section, switched_off(one)) for section, one in managed(cib, going & stopped)]
        ours = {one.get("id", "") for _place, one in managed(cib, {item["name"] for item in self.wanted})}
        _pacemaker.patch(cib, merge(cib, wanted, ours))

    def wait_for(self, powers: dict[str, str]) -> None:
        """Wait until VMs run or are off. Raise ResourceError with Pacemaker's reason for those that do not."""
        if not powers:
            return
        longest = max([SHUTDOWN_TIMEOUT, *(item.get("shutdown_timeout") or 0 for item in self.wanted)])
        late: dict[str, str] = {}
        old: dict[str, str] = {}
        busy = time.monotonic()

        def done() -> bool:
            nonlocal late, old, busy
            cib, shown = _pacemaker.query(), _pacemaker.monitor()
            new = {name: _progress.sentence(name, one) for name, one in _progress.failed(cib, self.since)}
            late, old = unsettled(powers, shown, new), _pacemaker.failures(shown)
            if late and not _pacemaker.is_idle(shown):
                busy = time.monotonic()
            return not late or all(late.values()) or time.monotonic() - busy > CALM

        _pacemaker.wait(done, longest + PATIENCE)
        if late:
            raise ResourceError("\n".join(self.sentence(name, powers[name], late, old) for name in sorted(late)))

    @staticmethod
    def sentence(name: str, power: str, new: dict[str, str], old: dict[str, str]) -> str:
        """Why a VM is not as it shall be: what failed just now, else what failed before."""
        return f"{name} is not {power}: {new[name] or old.get(RESOURCE + name) or IDLE.get(power, NOWHERE)}"

    def pause(self, wanted: Object) -> None:
        """Let a VM stand still, or go on."""
        if wanted.get("power") not in {"paused", "running"}:
            return
        self.places = self.find()
        for domain in self.places.running.get(wanted["name"], {}).values():
            with explained(f"domain {wanted['name']}"):
                if (self.power_of(domain) == "paused") != (wanted["power"] == "paused"):
                    (domain.suspend if wanted["power"] == "paused" else domain.resume)()
