#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module ceph_flag."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_flag
short_description: What a Ceph cluster shall leave alone for a while
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Sets and unsets flags of OSDs, for maintenance. With V(noout), the copies on a node that is away are not made anew.
extends_documentation_fragment: [cairn.hci._attributes, cairn.hci._ceph]
options:
  name: &name
    description: The flag.
    type: str
    choices: &names
      [noup, nodown, noin, noout, nobackfill, norebalance, norecover, noscrub, nodeep-scrub, nosnaptrim, pause]
  node: &node
    description: The node whose OSDs it is for, with V(noup), V(nodown), V(noin) and V(noout). By default it is for all.
    type: str
  state: &state
    description: Whether the flag shall be set.
    type: str
    choices: [present, absent]
    default: present
  flags:
    description: The flags, each with the options above.
    type: list
    elements: dict
    suboptions:
      name:
        <<: *name
        required: true
      node: *node
      state: *state
seealso:
  - module: cairn.hci.ceph_flag_info
"""

EXAMPLES = r"""
- name: Node2 will be back soon
  cairn.hci.ceph_flag:
    name: noout
    node: node2
"""

RETURN = r"""
flags:
  description: The flags, each with whether it is set and was changed.
  returned: success
  type: list
  elements: dict
  sample:
    - {name: noout, node: node2, state: present, changed: true}
"""

from ansible_collections.cairn.hci.plugins.module_utils._ceph import CONNECTION
from ansible_collections.cairn.hci.plugins.module_utils._ceph_flags import CephFlags
from ansible_collections.cairn.hci.plugins.module_utils._resource import run

NAMES = [
    *("noup", "nodown", "noin", "noout", "nobackfill", "norebalance", "norecover", "noscrub", "nodeep-scrub"),
    *("nosnaptrim", "pause"),
]
OPTIONS = {
    "name": {"type": "str", "required": True, "choices": NAMES},
    "node": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def main() -> None:
    """Entry point."""
    run(CephFlags, OPTIONS, CONNECTION)


if __name__ == "__main__":
    main()
