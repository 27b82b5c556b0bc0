#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module pci_device."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pci_device
short_description: Keep PCI devices for guests
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Takes devices from the kernel's own drivers, so that guests can have them, or gives them back; now, and at every
    boot, with C(driverctl).
  - Refuses a device without an IOMMU, one whose IOMMU group has a device that the kernel uses, a controller whose disks
    are mounted, swapped to or used by an OSD or a guest, and a network interface that is in use.
  - At boot, another device at that address is left alone.
extends_documentation_fragment: cairn.hci._attributes
options:
  device: &device
    description:
      - Which device. An address (V(0000:03:00.0)), vendor and device (V(144d:a80a)), a class (V(class=0108)), or a disk
        behind it (V(/dev/disk/by-id/nvme-X)).
      - It must mean one device. The controller of a disk can't be found by the disk any more once a guest has it.
    type: str
  driver: &driver
    description: The driver that gets the device.
    type: str
    default: vfio-pci
  state: &state
    description:
      - Whether the device is for guests; V(absent) gives it back to the kernel's own driver.
      - V(absent) is refused while a guest has the device open. A slot that is empty by now is meant by its address.
    type: str
    choices: [present, absent]
    default: present
  devices:
    description: The devices, each with the options above.
    type: list
    elements: dict
    suboptions:
      device:
        <<: *device
        required: true
      driver: *driver
      state: *state
seealso:
  - module: cairn.hci.pci_device_info
  - module: cairn.hci.domain
"""

EXAMPLES = r"""
- name: Keep the controller of a disk for a storage VM
  cairn.hci.pci_device:
    device: 144d:a80a

- name: Give it back
  cairn.hci.pci_device:
    device: "0000:03:00.0"
    state: absent
"""

RETURN = r"""
devices:
  description: The devices that were named, as M(cairn.hci.pci_device_info) shows them.
  returned: success
  type: list
  elements: dict
  sample:
    - device: 144d:a80a
      address: "0000:03:00.0"
      driver: vfio-pci
      iommu_group: 14
      state: present
      changed: true
"""

from ansible_collections.cairn.hci.plugins.module_utils._pci_devices import PciDevices
from ansible_collections.cairn.hci.plugins.module_utils._resource import run

OPTIONS = {
    "device": {"type": "str", "required": True},
    "driver": {"type": "str", "default": "vfio-pci"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def main() -> None:
    """Entry point."""
    run(PciDevices, OPTIONS)


if __name__ == "__main__":
    main()
