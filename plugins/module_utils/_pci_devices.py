# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PCI devices that are given to guests, as a resource: one exists when it is kept from the kernel's own driver.

Private to the collection.
"""

from __future__ import annotations

import os
from pathlib import Path

from ansible_collections.cairn.hci.plugins.module_utils import _node_network, _pci, _pci_uses
from ansible_collections.cairn.hci.plugins.module_utils._block_device import kernel_name
from ansible_collections.cairn.hci.plugins.module_utils._ceph_daemon import run
from ansible_collections.cairn.hci.plugins.module_utils._node import read_text
from ansible_collections.cairn.hci.plugins.module_utils._resource import Change, Object, Resource, ResourceError

SECONDS = 60
# Where driverctl keeps what is to be done again at every boot.
KEPT = Path("/etc/driverctl.d")
# By which disk a controller was meant; the disk itself can't be seen any more once a guest has its controller.
NOTES = Path("/var/lib/cairn/pci")


class PciDevices(Resource):
    """Devices of this node, by selector."""

    plural = "devices"
    key = "device"

    def __init__(self, params: Object) -> None:
        """Keep the options."""
        super().__init__(params)
        self.found: list[Object] = []

    def open(self) -> None:
        """Look at all devices."""
        self.look()

    def look(self) -> None:
        """Read sysfs."""
        interfaces = _node_network.read()["interfaces"]
        self.found = _pci.devices()
        for one in self.found:
            one["uses"] = _pci_uses.uses(one, interfaces, os.environ)
            one["kept"] = (KEPT / one["address"]).exists()

    def pick(self, selector: str) -> Object | None:
        """The one device that a selector means."""
        noted = [one for one in self.found if one["kept"] and read_text(NOTES / one["address"]) == selector]
        if noted:
            return noted[0]
        return _pci.pick(selector, self.found, kernel_name(selector) if selector.startswith("/dev/") else None)

    def read(self, wanted: list[Object] | None) -> dict[str, Object]:
        """Return the devices that are meant, by selector; all of them, by address."""
        if wanted is None:
            return {one["address"]: {"device": one["address"], **one} for one in self.found}
        self.look()
        chosen = {item["device"]: self.pick(item["device"]) for item in wanted}
        return {selector: {"device": selector, **one} for selector, one in chosen.items() if one}

    def plan(self, current: Object | None, wanted: Object) -> list[Change]:
        """Bind or unbind. Raise ResourceError for a device that can't be given away, or is not there."""
        if current is None:
            raise ResourceError(
                f"PCI device {wanted['device']}: this node has none; 'lspci -nn' shows what there is."
                if self.found
                else "This node has no PCI devices: a container can't give any to guests."
            )
        if wanted["state"] == "absent":
            return [Change("driver", current["driver"], None, "unbind")] if current["kept"] else []
        if current["kept"] and current["driver"] == wanted["driver"]:
            return []
        if problem := self.problem(current):
            raise ResourceError(f"PCI device {wanted['device']} ({current['address']}): {problem}")
        return [Change("driver", current["driver"], wanted["driver"], "bind")]

    def problem(self, device: Object) -> str | None:
        """Why a device can't be given to a guest."""
        if device["iommu_group"] is None:
            return (
                "the node has no IOMMU, or it is off; switch on VT-d or AMD-Vi in the firmware, and add intel_iommu=on "
                "to the kernel's command line on an Intel processor."
            )
        if device["uses"]:
            return f"{', '.join(device['uses'])}; it stays with the node."
        given = {one["address"] for item in self.wanted if (one := self.pick(item["device"]))}
        others = set(device["group_devices"]) - given
        stay = [one for one in self.found if one["address"] in others and one["driver"] not in (None, _pci.VFIO)]
        if stay:
            names = ", ".join(f"{one['address']} ({one['driver']})" for one in stay)
            return (
                f"its IOMMU group {device['iommu_group']} has also {names}; give all of them away, or put the device "
                "into another slot."
            )
        return None

    def apply(self, current: Object | None, wanted: Object, changes: list[Change]) -> None:
        """Have driverctl do it, now and at every boot."""
        address = (current or {})["address"]
        note = NOTES / address
        if wanted["state"] == "absent":
            run("driverctl", "unset-override", address, seconds=SECONDS)
            note.unlink(missing_ok=True)
            return
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(wanted["device"], encoding="utf-8")
        run("driverctl", "set-override", address, wanted["driver"], seconds=SECONDS)
