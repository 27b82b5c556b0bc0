# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A domain that exists: its live changes and its power.

Private to the collection.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

from ansible_collections.cairn.hci.plugins.module_utils._domain import (
    disk_to_dict,
    hostdev_address,
    is_disk,
    nic_to_dict,
    to_dict,
)
from ansible_collections.cairn.hci.plugins.module_utils._domain_plan import LIVE_FIELDS
from ansible_collections.cairn.hci.plugins.module_utils._domain_xml import put_place, rate, scsi_controller
from ansible_collections.cairn.hci.plugins.module_utils._libvirt import binding, explained
from ansible_collections.cairn.hci.plugins.module_utils._resource import Change, Object, ResourceError
from ansible_collections.cairn.hci.plugins.module_utils._units import parse_size

# Seconds between two looks at a state, between two requests to shut down (a guest that boots loses the first),
# and until a guest must have let go of a device.
LOOK, ASK_AGAIN, RELEASE = 0.25, 15.0, 30.0


def found(root: ET.Element, kind: str, field: str, value: str) -> ET.Element | None:
    """The disk or NIC of a domain's XML in which a field of its dictionary has this value."""
    if kind == "disks":
        items = [(disk_to_dict(disk), disk) for disk in root.findall("devices/disk") if is_disk(disk)]
    else:
        items = [(nic_to_dict(nic, place), nic) for place, nic in enumerate(root.findall("devices/interface"))]
    return next((element for item, element in items if item[field] == value), None)


class Guest:
    """One domain."""

    def __init__(self, domain: Any) -> None:
        """Take libvirt's domain."""
        self.libvirt = binding()
        self.domain = domain
        self.name: str = domain.name()

    def xml(self, *, inactive: bool) -> ET.Element:
        """The configuration or the running domain, as a tree."""
        return ET.fromstring(self.domain.XMLDesc(self.libvirt.VIR_DOMAIN_XML_INACTIVE if inactive else 0))

    def state(self) -> int:
        """Libvirt's state."""
        return int(self.domain.state()[0])

    def active(self) -> bool:
        """Whether it runs; a domain without a definition is gone when it does not."""
        try:
            return bool(self.domain.isActive())
        except self.libvirt.libvirtError as error:
            if error.get_error_code() != self.libvirt.VIR_ERR_NO_DOMAIN:
                raise
            return False

    # -- power

    def start(self, *, paused: bool = False) -> None:
        """Start, resume or wake it."""
        state = self.state()
        if state == self.libvirt.VIR_DOMAIN_CRASHED and self.domain.isActive():
            self.domain.destroy()
        if not self.domain.isActive():
            self.domain.createWithFlags(self.libvirt.VIR_DOMAIN_START_PAUSED if paused else 0)
        elif paused:
            self.domain.suspend()
        elif state == self.libvirt.VIR_DOMAIN_PMSUSPENDED:
            self.domain.pMWakeup()
        elif state == self.libvirt.VIR_DOMAIN_PAUSED:
            self.domain.resume()

    def ask_to_stop(self) -> None:
        """Ask the guest to shut down; a paused one is resumed for that."""
        try:
            state = self.state()
            if state == self.libvirt.VIR_DOMAIN_CRASHED:
                self.domain.destroy()
                return
            if state in {self.libvirt.VIR_DOMAIN_PAUSED, self.libvirt.VIR_DOMAIN_PMSUSPENDED}:
                self.start()
            self.domain.shutdown()
        except self.libvirt.libvirtError:
            if self.active():
                raise

    def stop(self, timeout: float, *, force: bool) -> None:
        """Shut the guest down and wait until it is off. Raise ResourceError after `timeout` s, or cut its power."""
        start = asked = time.monotonic()
        if self.active():
            self.ask_to_stop()
        while self.active():
            now = time.monotonic()
            if now - start >= timeout:
                if not force:
                    raise ResourceError(
                        f"domain {self.name}: the guest did not shut down within {timeout:g} s. See its console, give "
                        "it a longer shutdown_timeout, or allow cutting its power with force_after."
                    )
                self.domain.destroy()
                return
            if now - asked >= ASK_AGAIN:
                self.ask_to_stop()
                asked = now
            time.sleep(LOOK)

    def undefine(self) -> None:
        """Remove the configuration, with what belongs to it alone: NVRAM, saved state, snapshots' metadata.

        Disks are never touched, nor is a virtual TPM's state: it may hold keys of disks.
        """
        lib = self.libvirt
        flags = lib.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | lib.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
        root = self.xml(inactive=True)
        if to_dict(root)["firmware"] == "uefi":
            flags |= lib.VIR_DOMAIN_UNDEFINE_NVRAM
        if root.find("devices/tpm") is not None:
            # libvirt >= 8.9, and in the binding of that age.
            flags |= getattr(lib, "VIR_DOMAIN_UNDEFINE_KEEP_TPM", 0)
        self.domain.undefineFlags(flags)

    # -- live changes

    def change(self, changes: list[Change], live: Object) -> None:
        """Carry out in the running domain what it can take; its configuration has been changed already."""
        touched: dict[tuple[str, str], None] = {}
        verbs: dict[str, Callable[[str, str, Change], None]] = {
            "plug": self.plug,
            "unplug": self.unplug,
            "grow": self.grow,
        }
        for change in changes:
            if change.restart:
                continue
            kind, _dot, rest = change.field.partition(".")
            name, _dot, field = rest.partition(".")
            with explained(f"domain {self.name}: {change.field} of the running domain"):
                if kind not in LIVE_FIELDS:
                    self.scalar(kind, change.after, live)
                elif change.action in verbs:
                    verbs[change.action](kind, name, change)
                elif field in LIVE_FIELDS[kind]:
                    touched[kind, name] = None
        for kind, name in touched:
            with explained(f"domain {self.name}: {kind}.{name} of the running domain"):
                self.limits(name) if kind == "disks" else self.move(name)

    def scalar(self, field: str, value: Any, live: Object) -> None:
        """An option that is one value."""
        lib, now = self.libvirt, self.libvirt.VIR_DOMAIN_AFFECT_LIVE
        if field == "title":
            self.domain.setMetadata(lib.VIR_DOMAIN_METADATA_TITLE, value or None, None, None, now)
        elif field == "description":
            self.domain.setMetadata(lib.VIR_DOMAIN_METADATA_DESCRIPTION, value or None, None, None, now)
        elif field == "vcpus":
            self.vcpus(value, live["vcpus"])
        elif field == "memory":
            self.memory(parse_size(value) // 1024, live["facts"]["total"])
        elif field == "pci_devices":
            for device in self.xml(inactive=True).iterfind("devices/hostdev"):
                if hostdev_address(device) in set(value) - set(live["pci_devices"]):
                    self.attach(device)

    def vcpus(self, value: int, before: int) -> None:
        """Plug or unplug vcpus. A guest that keeps one is no error: the field then waits for a restart."""
        try:
            self.domain.setVcpusFlags(value, self.libvirt.VIR_DOMAIN_AFFECT_LIVE)
        except self.libvirt.libvirtError:
            if value > before:
                raise

    def memory(self, size: int, total: int) -> None:
        """The balloon gives or takes what is plugged in; the rest is a new DIMM. In KiB."""
        now = self.libvirt.VIR_DOMAIN_AFFECT_LIVE
        if size > total:
            dimm = f"<target><size unit='KiB'>{size - total}</size><node>0</node></target>"
            self.domain.attachDeviceFlags(f"<memory model='dimm'>{dimm}</memory>", now)
        self.domain.setMemoryFlags(size, now)

    def configured(self, kind: str, name: str) -> ET.Element:
        """The disk or NIC in the configuration, which has been changed already."""
        element = found(self.xml(inactive=True), kind, "name", name)
        if element is None:
            raise ResourceError(f"domain {self.name}: {kind}.{name} went away while it was changed; run again.")
        return element

    def running(self, kind: str, name: str) -> ET.Element | None:
        """The disk or NIC in the running domain: by target or address, as its alias may be an older one."""
        root = self.xml(inactive=False)
        key = "target" if kind == "disks" else "mac"
        item = found(self.xml(inactive=True), kind, "name", name)
        if item is None:
            return found(root, kind, "name", name)
        value = disk_to_dict(item)[key] if kind == "disks" else nic_to_dict(item, 0)[key]
        return found(root, kind, key, value)

    def plug(self, kind: str, name: str, change: Change) -> None:
        """Plug in a disk or NIC, in the slot that it has after the next start too, where that is free."""
        element = self.configured(kind, name)
        scsi = (
            change.after.get("bus") == "scsi"
            and self.xml(inactive=False).find("devices/controller[@type='scsi']") is None
        )
        if scsi:
            self.domain.attachDeviceFlags(
                ET.tostring(scsi_controller(), "unicode"), self.libvirt.VIR_DOMAIN_AFFECT_LIVE
            )
        self.attach(element)

    def attach(self, element: ET.Element) -> None:
        """Plug in a device in its configured slot, where that is free."""
        now = self.libvirt.VIR_DOMAIN_AFFECT_LIVE
        try:
            self.domain.attachDeviceFlags(ET.tostring(element, "unicode"), now)
        except self.libvirt.libvirtError:
            address = element.find("address")
            if address is None:
                raise
            element.remove(address)
            self.domain.attachDeviceFlags(ET.tostring(element, "unicode"), now)

    def unplug(self, kind: str, name: str, change: Change) -> None:
        """Unplug a disk or NIC and wait until the guest has let go of it."""
        key = "target" if kind == "disks" else "mac"
        self.release(kind, name, key, change.before[key])

    def release(self, kind: str, name: str, key: str, value: str) -> None:
        """Unplug the device in which `key` is `value`. Raise ResourceError when the guest does not let go of it."""
        element = found(self.xml(inactive=False), kind, key, value)
        if element is None:
            return
        self.domain.detachDeviceFlags(ET.tostring(element, "unicode"), self.libvirt.VIR_DOMAIN_AFFECT_LIVE)
        deadline = time.monotonic() + RELEASE
        while found(self.xml(inactive=False), kind, key, value) is not None:
            if time.monotonic() > deadline:
                raise ResourceError(
                    f"domain {self.name}: the guest did not let go of {kind}.{name} within {RELEASE:g} s. Run again "
                    "when it no longer uses it (or has booted), or restart it."
                )
            time.sleep(LOOK)

    def grow(self, kind: str, name: str, change: Change) -> None:
        """Tell QEMU, and so the guest, the new size of a disk."""
        element = self.running(kind, name)
        if element is not None:
            target = disk_to_dict(element)["target"]
            self.domain.blockResize(target, parse_size(change.after), self.libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)

    def limits(self, name: str) -> None:
        """The io limits of a disk."""
        element = self.running("disks", name)
        if element is not None:
            item = disk_to_dict(self.configured("disks", name))
            limits = {"total_iops_sec": item["iops"], "total_bytes_sec": rate(item["bandwidth"])}
            target = disk_to_dict(element)["target"]
            self.domain.setBlockIoTune(target, limits, self.libvirt.VIR_DOMAIN_AFFECT_LIVE)

    def move(self, name: str) -> None:
        """Bridge, network, VLAN and link of a NIC."""
        element = self.running("nics", name)
        if element is None:
            return
        item = nic_to_dict(self.configured("nics", name), 0)
        put_place(element, item)
        self.domain.updateDeviceFlags(ET.tostring(element, "unicode"), self.libvirt.VIR_DOMAIN_AFFECT_LIVE)
