# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The domains of one libvirt daemon, as a resource.

Private to the collection.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from ansible_collections.cairn.hci.plugins.module_utils._domain import live_facts, parse, to_dict, waiting
from ansible_collections.cairn.hci.plugins.module_utils._domain_live import Guest
from ansible_collections.cairn.hci.plugins.module_utils._domain_options import (
    Host,
    Normaliser,
    given,
    pair_disks,
    pair_nics,
)
from ansible_collections.cairn.hci.plugins.module_utils._domain_plan import HOW, plan
from ansible_collections.cairn.hci.plugins.module_utils._domain_xml import build, edit
from ansible_collections.cairn.hci.plugins.module_utils._libvirt import LibvirtResource, explained
from ansible_collections.cairn.hci.plugins.module_utils._resource import Change, Object, ResourceError

SHUTDOWN_TIMEOUT = 120


def has_virtualization(arch: str, cpuinfo: str) -> bool:
    """Whether the CPU can run guests; /dev/kvm alone does not tell (it exists in containers and on nested hosts)."""
    return not arch.startswith(("x86", "i686")) or any(flag in cpuinfo.split() for flag in ("vmx", "svm"))


def host_of(capabilities: str, version: int, domain_type: str, cpuinfo: str) -> Host:
    """What the daemon's capabilities say. Raise ResourceError for a type of domain that it can't run."""
    root = ET.fromstring(capabilities)
    native = root.findtext("host/cpu/arch", "")
    arches = [
        arch for guest in root.findall("guest") if guest.findtext("os_type") == "hvm" for arch in guest.findall("arch")
    ]
    if not arches:
        raise ResourceError("libvirt finds no emulator on this node; install qemu-system-x86.")
    arch = next((arch for arch in arches if arch.get("name") == native), arches[0])
    types = [kind.get("type", "") for kind in arch.findall("domain")]
    if domain_type == "auto":
        fast = "kvm" in types and has_virtualization(native, cpuinfo)
        domain_type = "kvm" if fast else "qemu" if "qemu" in types else types[0]
    elif domain_type not in types:
        raise ResourceError(f"domain_type {domain_type}: this node can only run {', '.join(types)}.")
    names = {machine.text or "" for machine in arch.iter("machine")}
    names |= {machine.get("canonical", "") for machine in arch.iter("machine")}
    return Host(domain_type, arch.get("name", ""), frozenset(names - {""}), version)


class Domains(LibvirtResource):
    """Domains, read with one listing and one XML each; running ones with a second XML."""

    plural = "domains"

    def __init__(self, params: Object) -> None:
        """Keep the options."""
        super().__init__(params)
        self.live: dict[str, Object] = {}

    @cached_property
    def host(self) -> Host | None:
        """What this node can do, asked for once, when a domain needs it."""
        if self.connection is None:
            return None
        with explained("capabilities"):
            capabilities, version = self.connection.getCapabilities(), self.connection.getLibVersion()
        cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        return host_of(capabilities, version, self.params.get("domain_type", "auto"), cpuinfo)

    # -- reading

    def read(self, wanted: list[Object] | None) -> dict[str, Object]:
        """Return the domains; the running side of the active ones is kept for the plan."""
        lib = self.libvirt
        with explained("list of domains"):
            names = None if wanted is None else {item["name"] for item in wanted}
            domains = {domain.name(): domain for domain in self.connection.listAllDomains()}
            states = self.states()
            autostart = self.names(lib.VIR_CONNECT_LIST_DOMAINS_AUTOSTART)
        found = {}
        for name in domains if names is None else names & domains.keys():
            text = self.fetch(domains[name], active=name in states)
            if text is not None:
                power = {"power": states.get(name, "stopped"), "autostart": name in autostart}
                found[name] = self.entry(*text) | power
        self.add_sizes(self.connection, [domains[name] for name in found if name in self.live], wanted or [])
        return found

    def names(self, flag: int) -> set[str]:
        """The names of the domains with a property."""
        return {domain.name() for domain in self.connection.listAllDomains(flag)}

    def states(self) -> dict[str, str]:
        """The power of the active domains: two listings tell that of nearly all."""
        lib = self.libvirt
        found = dict.fromkeys(self.names(lib.VIR_CONNECT_LIST_DOMAINS_RUNNING), "running")
        found |= dict.fromkeys(self.names(lib.VIR_CONNECT_LIST_DOMAINS_PAUSED), "paused")
        for domain in self.connection.listAllDomains(lib.VIR_CONNECT_LIST_DOMAINS_OTHER):
            if domain.isActive():
                rare = {lib.VIR_DOMAIN_CRASHED: "crashed", lib.VIR_DOMAIN_PMSUSPENDED: "suspended"}
                found[domain.name()] = rare.get(domain.state()[0], "running")
        return found

    def fetch(self, domain: Any, *, active: bool) -> tuple[str, str | None] | None:
        """The XML of a domain, and of its running side; None when it went away since the listing."""
        lib = self.libvirt
        try:
            return domain.XMLDesc(lib.VIR_DOMAIN_XML_INACTIVE), domain.XMLDesc() if active else None
        except lib.libvirtError as error:
            if error.get_error_code() == lib.VIR_ERR_NO_DOMAIN:
                return None
            raise ResourceError(f"domain {domain.name()}: {error.get_error_message()}") from error

    def entry(self, text: str, running: str | None) -> Object:
        """One domain."""
        entry = to_dict(parse(text))
        self.live.pop(entry["name"], None)
        if running is not None:
            root = ET.fromstring(running)
            live = to_dict(root)
            self.live[entry["name"]] = live | {"facts": live_facts(root)}
            if fields := waiting(entry, live):
                entry |= {"restart_required": True, "restart_fields": fields}
        kind = self.params.get("xml", "none")
        return entry | ({} if kind == "none" else {"xml": running if kind == "live" and running else text})

    def add_sizes(self, connection: Any, running: list[Any], wanted: list[Object]) -> None:
        """The sizes of a node's running domains' disks as QEMU knows them, where the options name a size."""
        lib = self.libvirt
        sized = {item["name"] for item in wanted if any(disk.get("size") for disk in item.get("disks") or [])}
        asked = [domain for domain in running if domain.name() in sized]
        if not asked:
            return
        try:
            answers = connection.domainListGetStats(asked, lib.VIR_DOMAIN_STATS_BLOCK)
        except lib.libvirtError:
            return
        for domain, stats in answers:
            sizes = {
                stats[f"block.{n}.name"]: stats.get(f"block.{n}.capacity") for n in range(stats.get("block.count", 0))
            }
            for disk in self.live[domain.name()]["disks"]:
                disk["size"] = sizes.get(disk["target"])

    # -- planning

    def normalise(self, wanted: Object, current: Object | None) -> Object:
        """The options as :func:`_domain.to_dict` spells them."""
        if wanted["state"] == "absent":
            return wanted
        vlan = any(nic.get("vlan") for nic in wanted.get("nics") or [])
        machine = wanted.get("machine") and current is not None and wanted["machine"] != current["machine"]
        host = self.host if current is None or vlan or machine else None
        return Normaliser(wanted, current, host, self.params).options()

    def plan(self, current: Object | None, wanted: Object) -> list[Change]:
        """See :mod:`_domain_plan`."""
        return plan(current, self.live.get(wanted["name"]), wanted)

    def predict(self, current: Object | None, wanted: Object, changes: list[Change]) -> Object | None:
        """What check mode answers."""
        if any(change.action == "remove" for change in changes):
            return None
        found = (current or {}) | {field: value for field, value in given(wanted).items() if field not in HOW}
        pairs = {"disks": pair_disks, "nics": pair_nics}
        for kind in pairs.keys() & wanted.keys() if current is not None else ():
            both = pairs[kind](wanted[kind], (current or {})[kind])
            found[kind] = [{k: v for k, v in ((now or {}) | item).items() if k != "size"} for item, now in both]
        return found

    # -- acting

    def apply_all(self, work: list[tuple[Object | None, Object, list[Change]]]) -> None:
        """All guests that shall stop are asked first, then each is waited for."""
        for _current, wanted, changes in work:
            if wanted["name"] in self.live and any(change.action in {"stop", "remove"} for change in changes):
                with explained(f"domain {wanted['name']}: shutdown"):
                    self.guest(wanted["name"]).ask_to_stop()
        super().apply_all(work)

    def guest(self, name: str) -> Guest:
        """The domain."""
        return Guest(self.connection.lookupByName(name))

    def apply(self, current: Object | None, wanted: Object, changes: list[Change]) -> None:
        """Configuration first, then the running domain, then its power."""
        name = wanted["name"]
        with explained(f"domain {name}"):
            if any(change.action == "remove" for change in changes):
                self.remove(wanted)
                return
            if current is None:
                self.define(build(wanted, self.host_or_fail()))
            elif self.configures(changes):
                self.update(self.guest(name), wanted)
            guest = self.guest(name)
            restart = any(change.action == "restart" for change in changes)
            if current is not None and name in self.live and not restart and wanted.get("power") != "stopped":
                guest.change(changes, self.live[name])
            if restart:
                self.stop(guest, wanted)
                guest.start(paused=wanted.get("power", current and current["power"]) == "paused")
            self.settle(guest, wanted, changes)

    @staticmethod
    def configures(changes: list[Change]) -> bool:
        """Whether anything but power, autostart and what a running domain knows of sizes changes."""
        return any(
            change.field not in {"power", "autostart", "restart"} and change.action != "grow" for change in changes
        )

    def host_or_fail(self) -> Host:
        """The host of a connection."""
        if self.host is None:
            raise ResourceError("There is no connection to libvirt.")
        return self.host

    def define(self, root: ET.Element) -> None:
        """Write a configuration."""
        self.connection.defineXML(ET.tostring(root, "unicode"))

    def update(self, guest: Guest, wanted: Object) -> None:
        """Edit the configuration, with its secrets (a VNC password), which it would lose otherwise."""
        lib = self.libvirt
        text = guest.domain.XMLDesc(lib.VIR_DOMAIN_XML_INACTIVE | lib.VIR_DOMAIN_XML_SECURE)
        root = ET.fromstring(text)
        before = ET.tostring(root)
        edit(root, wanted)
        if ET.tostring(root) != before:
            self.define(root)

    def settle(self, guest: Guest, wanted: Object, changes: list[Change]) -> None:
        """Autostart and power."""
        for change in changes:
            if change.field == "autostart":
                guest.domain.setAutostart(int(change.after))
            if change.field == "power" and change.after == "stopped":
                self.stop(guest, wanted)
            elif change.field == "power":
                guest.start(paused=change.after == "paused")

    def stop(self, guest: Guest, wanted: Object) -> None:
        """A clean shutdown."""
        timeout = wanted.get("shutdown_timeout")
        guest.stop(SHUTDOWN_TIMEOUT if timeout is None else timeout, force=bool(wanted.get("force_after")))

    def remove(self, wanted: Object) -> None:
        """Shut it down, then remove its configuration; a domain without one is gone with its shutdown."""
        try:
            guest = self.guest(wanted["name"])
            persistent = guest.domain.isPersistent()
        except self.libvirt.libvirtError as error:
            if error.get_error_code() != self.libvirt.VIR_ERR_NO_DOMAIN:
                raise
            return
        self.stop(guest, wanted)
        if persistent:
            guest.undefine()
