#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module ceph_osd."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_osd
short_description: The Ceph OSDs of a node
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Makes OSDs of the node's disks and waits until the cluster sees them up.
  - A device whose OSD the cluster knows is kept, and started when it is down, also on a node that was installed anew.
  - An empty device is enrolled. It has no partition table, filesystem, LVM, OSD or other signature, and is not in use.
  - Any other device is refused, before anything is changed on any, until it is named in O(wipe). One that is mounted or
    otherwise in use is always refused.
  - Uses C(ceph-volume lvm) where the kernel has device-mapper, C(ceph-volume raw) where not. Several devices are worked
    on at once.
  - Encryption, databases on other devices and the number of OSDs per device can't be changed in place, and are refused
    for OSDs that are otherwise.
extends_documentation_fragment:
  - cairn.hci._attributes
  - cairn.hci._ceph
options:
  device: &device
    description:
      - Devices by path or pattern, such as V(/dev/disk/by-id/nvme-*). Links are followed; prefer names that stay.
      - A pattern means whole disks. One that begins with V(!) takes away what it matches.
    type: list
    elements: str
  filter: &filter
    description: Use only those of the devices that fit. Devices that hold something are passed over, not refused.
    type: dict
    suboptions:
      type:
        description: The kind of disk.
        type: str
        choices: [nvme, ssd, hdd]
      size_min:
        description: The smallest size, with a unit, such as V(500GiB).
        type: str
      size_max:
        description: The largest size, with a unit.
        type: str
      count:
        description: How many OSDs the node shall have; OSDs of the cluster come first. All that fit by default.
        type: int
  class: &class
    description: The device class in CRUSH. By default Ceph finds out whether V(ssd) or V(hdd).
    type: str
  encrypted: &encrypted
    description:
      - Whether the OSDs are encrypted with dm-crypt. Their keys are kept by the monitors.
      - By default new ones are not, and others are left as they are.
    type: bool
  per_device: &per_device
    description: How many OSDs each device holds. By default one is made, and a device that has some keeps them.
    type: int
  db_devices: &db_devices
    description:
      - Fast devices by path or pattern, which hold the databases (C(block.db)) of the OSDs of O(device).
      - They are not among O(device), even if a pattern there means them, too. An empty list means none.
    type: list
    elements: str
  db_size: &db_size
    description: The size of each database, with a unit. By default they have equal shares of O(db_devices).
    type: str
  wipe: &wipe
    description: Paths or patterns of devices that may be erased.
    type: list
    elements: str
  state: &state
    description:
      - Whether the devices shall be OSDs.
      - With V(absent) they are taken out, and removed once no data would be lost. That needs O(client) to be
        V(client.admin). They are erased only if named in O(wipe).
    type: str
    choices: [present, absent]
    default: present
  osds:
    description: Groups of devices, each with the options above.
    type: list
    elements: dict
    suboptions:
      device:
        <<: *device
        required: true
      filter: *filter
      class: *class
      encrypted: *encrypted
      per_device: *per_device
      db_devices: *db_devices
      db_size: *db_size
      wipe: *wipe
      state: *state
  ids:
    description:
      - Ids of destroyed OSDs that the new ones take, as after M(cairn.hci.ceph_osd_map) with V(destroyed).
      - Exactly so many OSDs must be new. Devices that hold something are passed over, not refused.
    type: list
    elements: int
    default: []
  fsid:
    description: The id of the cluster. The default is that of O(conf).
    type: str
  client:
    description: The name to connect as, with its type.
    type: str
    default: client.bootstrap-osd
  keyring:
    description: The file with the key of O(client).
    type: path
    default: /var/lib/ceph/bootstrap-osd/ceph.keyring
  timeout:
    description: Seconds that connecting, each command and each daemon's start may take before the module fails.
    type: int
    default: 60
requirements:
  - ceph-osd and ceph-volume (on the node; Debian 12 has the latter in the former)
  - lvm2 and cryptsetup-bin (on the node)
seealso:
  - module: cairn.hci.ceph_osd_info
"""

EXAMPLES = r"""
- name: All NVMe disks but one
  cairn.hci.ceph_osd:
    device: [/dev/disk/by-id/nvme-*, "!/dev/disk/by-id/nvme-SYSTEM*"]

- name: Two hard disks of at least 4 TiB, whichever they are
  cairn.hci.ceph_osd:
    device: [/dev/*]
    filter: {type: hdd, size_min: 4TiB, count: 2}

- name: Encrypted hard disks, with their databases on a fast one
  cairn.hci.ceph_osd:
    device: [/dev/disk/by-id/ata-*]
    encrypted: true
    db_devices: [/dev/disk/by-id/nvme-FAST*]
    db_size: 60GiB

- name: A used disk, whose data may be lost
  cairn.hci.ceph_osd:
    device: [/dev/disk/by-id/ata-ST4000_ZDH1]
    wipe: [/dev/disk/by-id/ata-ST4000_ZDH1]
"""

RETURN = r"""
osds:
  description:
    - Each device with its OSDs; C(up) and C(enabled) are of all of them.
    - C(lvm) tells whether they are on logical volumes, C(db) whether their databases are on other devices.
  returned: success
  type: list
  elements: dict
  sample:
    - device: /dev/disk/by-id/nvme-eui.0025385b71b0b4d4
      ids: [3]
      uuids: [0d0e8a4b-9e4c-4a37-b3c5-5b1f6d2c7f10]
      class: ssd
      up: true
      enabled: true
      lvm: true
      encrypted: false
      db: false
"""

from ansible_collections.cairn.hci.plugins.module_utils._ceph import CONNECTION
from ansible_collections.cairn.hci.plugins.module_utils._ceph_osds import CephOsd
from ansible_collections.cairn.hci.plugins.module_utils._resource import run

FILTER = {
    "type": {"type": "str", "choices": ["nvme", "ssd", "hdd"]},
    "size_min": {"type": "str"},
    "size_max": {"type": "str"},
    "count": {"type": "int"},
}
OPTIONS = {
    "device": {"type": "list", "elements": "str", "required": True},
    "filter": {"type": "dict", "options": FILTER},
    "class": {"type": "str"},
    "encrypted": {"type": "bool"},
    "per_device": {"type": "int"},
    "db_devices": {"type": "list", "elements": "str"},
    "db_size": {"type": "str"},
    "wipe": {"type": "list", "elements": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
COMMON = {
    **CONNECTION,
    "ids": {"type": "list", "elements": "int", "default": []},
    "fsid": {"type": "str"},
    "client": {"type": "str", "default": "client.bootstrap-osd"},
    "keyring": {"type": "path", "default": "/var/lib/ceph/bootstrap-osd/ceph.keyring", "no_log": False},
    "timeout": {"type": "int", "default": 60},
}


def main() -> None:
    """Entry point."""
    run(CephOsd, OPTIONS, COMMON)


if __name__ == "__main__":
    main()
