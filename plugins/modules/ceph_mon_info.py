#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module ceph_mon_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_mon_info
short_description: Tell the Ceph monitor of a node
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Returns the monitor that has its store on the node, by what itself answers; needs neither a key nor a quorum.
extends_documentation_fragment:
  - cairn.hci._attributes.info
options:
  name:
    description: The monitors to tell of; whichever is here by default.
    type: list
    elements: str
  timeout:
    description: Seconds that an earlier run may take to end.
    type: int
    default: 60
seealso:
  - module: cairn.hci.ceph_mon
"""

EXAMPLES = r"""
- name: Is the monitor in quorum?
  cairn.hci.ceph_mon_info:
"""

RETURN = r"""
mons:
  description:
    - The monitor, the cluster that it is of and what it says of its own state; C(members) are those of its map.
  returned: success
  type: list
  elements: dict
  sample:
    - name: node1
      fsid: 5d3b7e8e-0f5c-4f3a-9a52-0f1a1d5ec9f5
      mon_state: leader
      enabled: true
      running: true
      members: [{name: node1, address: 10.10.0.1}, {name: node2, address: 10.10.0.2}, {name: node3, address: 10.10.0.3}]
"""

from ansible_collections.cairn.hci.plugins.module_utils._ceph_mon import CephMon
from ansible_collections.cairn.hci.plugins.module_utils._resource import run_info


def main() -> None:
    """Entry point."""
    run_info(CephMon, {"timeout": {"type": "int", "default": 60}})


if __name__ == "__main__":
    main()
