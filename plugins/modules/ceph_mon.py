#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module ceph_mon."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_mon
short_description: The Ceph monitor of a node
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Makes the store of a monitor, and enables and starts it.
  - The first monitor of a cluster makes the key that all monitors share. The others are given it with O(key), so that
    they join; see the role C(cairn.hci.ceph) for how it travels.
  - A store that exists is never made anew, and one of another cluster is refused. An interrupted run leaves none.
  - C(ceph-mon) and C(monmaptool) are used, for which there is no binding.
extends_documentation_fragment: cairn.hci._attributes
options:
  name: &name
    description: The name of the monitor, which is that of its node.
    type: str
  fsid: &fsid
    description: The id of the cluster.
    type: str
  members: &members
    description:
      - The cluster's first monitors, all of them. Used while there is no quorum to get the map from.
      - A monitor listens on port 3300 (protocol 2) and 6789 (protocol 1) of its address.
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of a monitor.
        type: str
        required: true
      address:
        description: Its IP address.
        type: str
        required: true
  key: &key
    description: The secret of C(mon.), with which a new monitor joins the others.
    type: str
  bootstrap: &bootstrap
    description: Whether this is the first monitor of a new cluster, for which a key is made when it has no store yet.
    type: bool
    default: false
  monmap: &monmap
    description: The map of an existing quorum, in base64. Takes precedence over O(members).
    type: str
  state: &state
    description:
      - Whether the monitor shall exist.
      - With V(absent) it leaves the quorum and its store is removed. The last monitor of a cluster stays.
    type: str
    choices: [present, absent]
    default: present
  mons:
    description: The monitors of this node, each with the options above.
    type: list
    elements: dict
    suboptions:
      name:
        <<: *name
        required: true
      fsid: *fsid
      members: *members
      key: *key
      bootstrap: *bootstrap
      monmap: *monmap
      state: *state
  with_key:
    description: Whether to return the key and the map. Use C(no_log) on the task.
    type: bool
    default: false
  timeout:
    description: Seconds that the monitor may take to start, and an earlier run to end.
    type: int
    default: 60
requirements:
  - ceph-mon (on the node)
seealso:
  - module: cairn.hci.ceph_mon_info
"""

EXAMPLES = r"""
- name: The first monitor
  cairn.hci.ceph_mon:
    name: node1
    fsid: 5d3b7e8e-0f5c-4f3a-9a52-0f1a1d5ec9f5
    members: [{name: node1, address: 10.10.0.1}, {name: node2, address: 10.10.0.2}, {name: node3, address: 10.10.0.3}]
    bootstrap: true
    with_key: true
  no_log: true
  register: first

- name: A further one
  cairn.hci.ceph_mon:
    name: node2
    fsid: 5d3b7e8e-0f5c-4f3a-9a52-0f1a1d5ec9f5
    members: [{name: node1, address: 10.10.0.1}, {name: node2, address: 10.10.0.2}, {name: node3, address: 10.10.0.3}]
    key: "{{ first.mons[0].key }}"
    monmap: "{{ first.mons[0].monmap }}"
"""

RETURN = r"""
mons:
  description:
    - The monitor, the cluster that it is of and what it says of its own state; C(members) are those of its map.
    - With O(with_key) also C(key) and, when it is in quorum, C(monmap).
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
from ansible_collections.cairn.hci.plugins.module_utils._resource import run

MEMBER = {"name": {"type": "str", "required": True}, "address": {"type": "str", "required": True}}
OPTIONS = {
    "name": {"type": "str", "required": True},
    "fsid": {"type": "str"},
    "members": {"type": "list", "elements": "dict", "options": MEMBER},
    "key": {"type": "str", "no_log": True},
    "bootstrap": {"type": "bool", "default": False},
    "monmap": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
COMMON = {
    "with_key": {"type": "bool", "default": False, "no_log": False},
    "timeout": {"type": "int", "default": 60},
}


def main() -> None:
    """Entry point."""
    run(CephMon, OPTIONS, COMMON)


if __name__ == "__main__":
    main()
