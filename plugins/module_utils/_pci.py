# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which PCI device is meant, and why one can't be given to a guest. Pure.

Private to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from ansible_collections.cairn.hci.plugins.module_utils._domain_options import pci_address
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, ResourceError

IDENTITY = re.compile(r"[0-9a-f]{4}:[0-9a-f]{4}", re.IGNORECASE)
CLASS = re.compile(r"class=([0-9a-f]{4})", re.IGNORECASE)
VFIO = "vfio-pci"
BY_ID = "/dev/disk/by-id/"


def matching(selector: str, found: list[Object], kernel: str | None) -> list[Object]:
    """The devices that a selector means: an address, vendor:device, class=NNNN, or a disk, whose name is `kernel`."""
    if selector.startswith("/dev/"):
        return [one for one in found if kernel in one["disks"]]
    if address := pci_address(selector):
        return [one for one in found if one["address"] == address]
    if IDENTITY.fullmatch(selector):
        return [one for one in found if one["id"] == selector.lower()]
    if wanted_class := CLASS.fullmatch(selector):
        return [one for one in found if one["class"] == wanted_class[1].lower()]
    raise ResourceError(
        f"PCI device {selector!r}: write an address (0000:03:00.0), vendor:device (144d:a80a), class=0108, or a disk "
        "behind it (/dev/disk/by-id/...)."
    )


def lasting_names(device: Object) -> set[str]:
    """The names of a kept device's disks that mean them for ever; the kernel's own may be another disk's by now."""
    names = (name for disk in device["kept_disks"] for name in disk["aliases"])
    return {name for name in names if name.startswith(BY_ID)}


def pick(selector: str, found: list[Object], kernel: str | None) -> Object | None:
    """The one device that a selector means; None when there is none. Raise ResourceError for more than one."""
    noted = [one for one in found if one["kept_for"] == selector or selector in lasting_names(one)]
    chosen = noted or matching(selector, found, kernel)
    if len(chosen) > 1:
        addresses = ", ".join(one["address"] for one in chosen)
        raise ResourceError(f"PCI device {selector}: {len(chosen)} match ({addresses}); choose one by its address.")
    return chosen[0] if chosen else None


def problem(device: Object, found: Iterable[Object], given: Collection[str], no_iommu: str | None) -> str | None:
    """Why a device can't be given to a guest; `found` are the node's devices, `given` the addresses of all that are.

    `no_iommu` is what is said of a node without an IOMMU; None where it is about to have one.
    """
    if device["iommu_group"] is None and no_iommu:
        return no_iommu
    if device["uses"]:
        return f"{', '.join(device['uses'])}; it stays with the node."
    others = set(device["group_devices"]) - set(given)
    stay = [one for one in found if one["address"] in others and one["driver"] not in (None, VFIO)]
    if not stay:
        return None
    names = ", ".join(f"{one['address']} ({one['driver']})" for one in stay)
    return (
        f"its IOMMU group {device['iommu_group']} has also {names}; give all of them away, or put the device into "
        "another slot."
    )
