#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module ceph_mgr."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_mgr
short_description: The Ceph manager of a node
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Makes the manager's key in the cluster, writes its keyring, enables and starts it, and waits until the monitors
    know it.
  - Where the packaged manager can't load its modules (Debian 13 with Ceph 18.2, "PyO3 modules do not yet support
    subinterpreters"), O(substitutes) are put before Python's modules on the manager's path. Packaged files are not
    changed. They are taken away again when the packages no longer need them.
extends_documentation_fragment:
  - cairn.hci._attributes
  - cairn.hci._ceph
options:
  name: &name
    description: The name of the manager, which is that of its node.
    type: str
  substitutes: &substitutes
    description: Python modules by file name, for use where the packaged C(bcrypt) can't be loaded by the manager.
    type: dict
  state: &state
    description: Whether the manager shall exist.
    type: str
    choices: [present, absent]
    default: present
  mgrs:
    description: The managers of this node, each with the options above.
    type: list
    elements: dict
    suboptions:
      name:
        <<: *name
        required: true
      substitutes: *substitutes
      state: *state
  client:
    description: The name to connect as, with its type.
    type: str
    default: mon.
  timeout:
    description: Seconds that connecting, each command and each daemon's start may take before the module fails.
    type: int
    default: 60
requirements:
  - ceph-mgr (on the node)
seealso:
  - module: cairn.hci.ceph_mgr_info
"""

EXAMPLES = r"""
- name: A manager beside the monitor, whose key is used to make its own
  cairn.hci.ceph_mgr:
    name: node1
    keyring: /var/lib/ceph/mon/ceph-node1/keyring
"""

RETURN = r"""
mgrs:
  description: The manager.
  returned: success
  type: list
  elements: dict
  sample:
    - name: node1
      caps: {mon: allow profile mgr, osd: allow *, mds: allow *}
      keyring: /var/lib/ceph/mgr/ceph-node1/keyring
      substitutes: {}
      enabled: true
      running: true
"""

from ansible_collections.cairn.hci.plugins.module_utils._ceph import CONNECTION
from ansible_collections.cairn.hci.plugins.module_utils._ceph_mgr import CephMgr
from ansible_collections.cairn.hci.plugins.module_utils._resource import run

OPTIONS = {
    "name": {"type": "str", "required": True},
    "substitutes": {"type": "dict"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
COMMON = {
    **CONNECTION,
    "client": {"type": "str", "default": "mon."},
    "timeout": {"type": "int", "default": 60},
}


def main() -> None:
    """Entry point."""
    run(CephMgr, OPTIONS, COMMON)


if __name__ == "__main__":
    main()
