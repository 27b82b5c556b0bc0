#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module ceph_osd_daemon_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_osd_daemon_info
short_description: Tell what a node has of Ceph OSDs
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Returns the daemons of OSDs on the node and their disks, also those whose disk is gone.
extends_documentation_fragment:
  - cairn.hci._attributes.info
  - cairn.hci._ceph
options:
  id:
    description: The numbers of OSDs to tell of; all by default.
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
  - module: cairn.hci.ceph_osd_daemon
"""

EXAMPLES = r"""
- name: Which disks has osd.3?
  cairn.hci.ceph_osd_daemon_info:
    id: 3
"""

RETURN = r"""
daemons:
  description:
    - What the node has of each OSD. C(data) and C(db) are the disks with its volumes, both empty when they are gone.
    - C(enabled) tells whether anything starts it with the node.
  returned: success
  type: list
  elements: dict
  sample:
    - id: 3
      uuids: [0d0e8a4b-9e4c-4a37-b3c5-5b1f6d2c7f10]
      running: true
      enabled: true
      directory: true
      data: [/dev/nvme0n1]
      db: [/dev/nvme1n1]
      encrypted: false
"""

from ansible_collections.cairn.hci.plugins.module_utils._ceph import CONNECTION
from ansible_collections.cairn.hci.plugins.module_utils._ceph_osd_daemons import CephOsdDaemon
from ansible_collections.cairn.hci.plugins.module_utils._resource import run_info

CLIENT = {
    **CONNECTION,
    "client": {"type": "str", "default": "client.bootstrap-osd"},
    "keyring": {"type": "path", "default": "/var/lib/ceph/bootstrap-osd/ceph.keyring", "no_log": False},
}


def main() -> None:
    """Entry point."""
    run_info(CephOsdDaemon, CLIENT)


if __name__ == "__main__":
    main()
