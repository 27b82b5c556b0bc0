#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module pci_device_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pci_device_info
short_description: Tell the PCI devices of a node, their IOMMU groups and what they are used for
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Returns all devices but bridges.
extends_documentation_fragment: cairn.hci._attributes.info
options:
  device:
    description: Which devices, each as M(cairn.hci.pci_device) takes them; all when it is not given.
    type: list
    elements: str
seealso:
  - module: cairn.hci.pci_device
"""

EXAMPLES = r"""
- name: What can be given to guests?
  cairn.hci.pci_device_info:
"""

RETURN = r"""
devices:
  description: The devices.
  returned: success
  type: list
  elements: dict
  contains:
    device:
      description: The selector that was given, else the address.
      returned: always
      type: str
    address:
      description: Domain, bus, device and function.
      returned: always
      type: str
    id:
      description: Vendor and device, hexadecimal.
      returned: always
      type: str
    class:
      description: Class and subclass, hexadecimal.
      returned: always
      type: str
    driver:
      description: The driver that has it now; null without one.
      returned: always
      type: str
    override:
      description: The driver that alone may take it; null where any may.
      returned: always
      type: str
    kept:
      description: Whether driverctl gives it to that driver at every boot.
      returned: always
      type: bool
    kept_for:
      description: The selector by which M(cairn.hci.pci_device) was told to keep it; null for others.
      returned: always
      type: str
    kept_disks:
      description: The disks behind it when it was given away, each with C(aliases), C(size) in bytes and C(type).
      returned: always
      type: list
      elements: dict
    iommu_group:
      description: The number of its IOMMU group; null without an IOMMU.
      returned: always
      type: int
    group_devices:
      description: The addresses of the other devices in the group, without bridges.
      returned: always
      type: list
      elements: str
    disks:
      description: The kernel's names of the disks behind it.
      returned: always
      type: list
      elements: str
    links:
      description: The network interfaces that it is.
      returned: always
      type: list
      elements: str
    uses:
      description: What the node uses it for; such a device is not given away.
      returned: always
      type: list
      elements: str
  sample:
    - device: "0000:03:00.0"
      address: "0000:03:00.0"
      id: 144d:a80a
      class: "0108"
      driver: nvme
      override: null
      kept: false
      kept_for: null
      kept_disks: []
      iommu_group: 14
      group_devices: []
      disks: [nvme0n1]
      links: []
      uses: [nvme0n1p1 is mounted on /]
"""

from ansible_collections.cairn.hci.plugins.module_utils._pci_devices import PciDevices
from ansible_collections.cairn.hci.plugins.module_utils._resource import run_info


def main() -> None:
    """Entry point."""
    run_info(PciDevices)


if __name__ == "__main__":
    main()
