# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PCI devices that are given to guests, as a resource: one exists when it is kept from the kernel's own driver.

Private to the collection.
"""

from __future__ import annotations

from contextlib import suppress

from ansible_collections.cairn.hci.plugins.module_utils import (
    _kernel_options,
    _node,
    _node_network,
    _node_pci,
    _pci,
    _pci_uses,
)
from ansible_collections.cairn.hci.plugins.module_utils._block_device import kernel_name
from ansible_collections.cairn.hci.plugins.module_utils._ceph_daemon import run
from ansible_collections.cairn.hci.plugins.module_utils._resource import Change, Object, Resource, ResourceError


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
        self.found = _node_pci.report(_node_network.read()["interfaces"])

    def pick(self, selector: str) -> Object | None:
        """The one device that a selector means."""
        return _pci.pick(selector, self.found, kernel_name(selector) if selector.startswith("/dev/") else None)

    def read(self, wanted: list[Object] | None) -> dict[str, Object]:
        """Return the devices that are meant, by selector; all of them, by address."""
        if wanted is None:
            return {one["address"]: {"device": one["address"], **one} for one in self.found}
        self.look()
        chosen = {item["device"]: self.pick(item["device"]) for item in wanted}
        for selector in (item["device"] for item in wanted if item.get("state") == "absent"):
            chosen[selector] = chosen[selector] or _node_pci.empty_slot(selector, _node_pci.ROOT)
        return {selector: {"device": selector, **one} for selector, one in chosen.items() if one}

    def plan(self, current: Object | None, wanted: Object) -> list[Change]:
        """Bind or unbind. Raise ResourceError for a device that can't be given away or taken back, or is not there."""
        if current is None:
            raise ResourceError(
                f"PCI device {wanted['device']}: this node has none; 'lspci -nn' shows what there is."
                if self.found
                else "This node has no PCI devices: a container can't give any to guests."
            )
        if wanted["state"] == "absent":
            if current["kept"] and f"/dev/vfio/{current['iommu_group']}" in _pci_uses.guests(_node_pci.ROOT):
                raise ResourceError(
                    f"PCI device {wanted['device']} ({current['address']}): a guest has it; stop the guest first."
                )
            return [Change("driver", current["driver"], None, "unbind")] if current["kept"] else []
        if current["kept"] and current["driver"] == wanted["driver"]:
            return []
        given = {one["address"] for item in self.wanted if (one := self.pick(item["device"]))}
        boot = _node.boot()
        words = boot["vendor"] == _kernel_options.INTEL and "intel_iommu=on" not in boot["options"]
        off = _kernel_options.remedy(boot["vendor"], words, variable=False)
        if why := _pci.problem(current, self.found, given, off):
            raise ResourceError(f"PCI device {wanted['device']} ({current['address']}): {why}")
        return [Change("driver", current["driver"], wanted["driver"], "bind")]

    def apply(self, current: Object | None, wanted: Object, changes: list[Change]) -> None:
        """Have driverctl do it, now and at every boot."""
        device = current or {}
        address, root = device["address"], _node_pci.ROOT
        note, condition = root / _node_pci.NOTES / address, root / _node_pci.CONDITION.format(address=address)
        if wanted["state"] == "absent":
            if device["id"]:
                # Where no driver takes the device, driverctl would end before it forgets it.
                run("driverctl", "--noprobe", "unset-override", address)
                with suppress(OSError):
                    (root / "sys/bus/pci/drivers_probe").write_text(address, encoding="utf-8")
            # It knows only devices that are there.
            for path in (note, condition, *(root / _node_pci.KEPT).glob(f"*{address}")):
                path.unlink(missing_ok=True)
            return
        for path, text in ((note, _node_pci.note(wanted["device"], device)), (condition, _node_pci.condition(device))):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        run("driverctl", "set-override", address, wanted["driver"])
