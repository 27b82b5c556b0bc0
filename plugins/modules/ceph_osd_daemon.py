#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module ceph_osd_daemon."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_osd_daemon
short_description: The daemon of a Ceph OSD on its node, and its volumes
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Stops the daemon of an OSD, or takes away what a node still has of an OSD that the cluster has no more.
  - It goes by the id of the OSD, so that it also works when the disk is dead or gone.
  - A node that has nothing of the OSD is left as it is, so it can be called on all nodes.
extends_documentation_fragment:
  - cairn.hci._attributes
  - cairn.hci._ceph
options:
  id: &id
    description: The number of the OSD.
    type: int
  running: &running
    description: Whether the daemon runs. It starts with its node in any case.
    type: bool
  wipe: &wipe
    description:
      - What V(absent) removes, the volume of its database (V(db)), that with its data, too (V(all)), or V(nothing).
      - The kernel lets go of volumes that are not removed, so that their disk can be pulled.
    type: str
    choices: [nothing, db, all]
    default: nothing
  state: &state
    description:
      - Whether the node has a daemon for the OSD.
      - V(absent) is refused while the OSD is up. With O(wipe) it is also refused while the OSD is in the cluster's map
        and not destroyed there; without it, the OSD goes on where its disk is next, on this node or another one.
    type: str
    choices: [present, absent]
    default: present
  daemons:
    description: OSDs, each with the options above.
    type: list
    elements: dict
    suboptions:
      id:
        <<: *id
        required: true
      running: *running
      wipe: *wipe
      state: *state
  client:
    description: The name to connect as, with its type.
    type: str
    default: client.bootstrap-osd
  keyring:
    description: The file with the key of O(client).
    type: path
    default: /var/lib/ceph/bootstrap-osd/ceph.keyring
seealso:
  - module: cairn.hci.ceph_osd_daemon_info
  - module: cairn.hci.ceph_osd_map
"""

EXAMPLES = r"""
- name: Stop an OSD
  cairn.hci.ceph_osd_daemon:
    id: 3
    running: false

- name: Take away what is left of an OSD whose disk is dead, also its database on another disk
  cairn.hci.ceph_osd_daemon:
    id: 3
    wipe: db
    state: absent
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
from ansible_collections.cairn.hci.plugins.module_utils._resource import run

OPTIONS = {
    "id": {"type": "int", "required": True},
    "running": {"type": "bool"},
    "wipe": {"type": "str", "choices": ["nothing", "db", "all"], "default": "nothing"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
COMMON = {
    **CONNECTION,
    "client": {"type": "str", "default": "client.bootstrap-osd"},
    "keyring": {"type": "path", "default": "/var/lib/ceph/bootstrap-osd/ceph.keyring", "no_log": False},
}


def main() -> None:
    """Entry point."""
    run(CephOsdDaemon, OPTIONS, COMMON)


if __name__ == "__main__":
    main()
