#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module ceph_osd_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_osd_info
short_description: Tell the Ceph OSDs of a node
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Returns the OSDs on the devices of the node that the cluster knows.
extends_documentation_fragment:
  - cairn.hci._attributes.info
  - cairn.hci._ceph
options:
  device:
    description: The paths of devices to tell of; all by default.
    type: list
    elements: str
  client:
    description: The name to connect as, with its type.
    type: str
    default: client.bootstrap-osd
  keyring:
    description: The file with the key of O(client).
    type: path
    default: /var/lib/ceph/bootstrap-osd/ceph.keyring
seealso:
  - module: cairn.hci.ceph_osd
"""

EXAMPLES = r"""
- name: Which disk is osd.3?
  cairn.hci.ceph_osd_info:
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
from ansible_collections.cairn.hci.plugins.module_utils._resource import run_info

CLIENT = {
    **CONNECTION,
    "client": {"type": "str", "default": "client.bootstrap-osd"},
    "keyring": {"type": "path", "default": "/var/lib/ceph/bootstrap-osd/ceph.keyring", "no_log": False},
}


def main() -> None:
    """Entry point."""
    run_info(CephOsd, CLIENT)


if __name__ == "__main__":
    main()
