#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module ceph_purge."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_purge
short_description: Remove a Ceph cluster from a node, with all its data
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Stops Ceph's daemons, erases the OSDs of the cluster that are on this node, and removes its monitor, manager, keys
    and configuration. On all nodes, this destroys the cluster and every disk in it.
  - The cluster's O(fsid) is the word of consent. OSDs of another cluster are left alone.
  - To remove one OSD or monitor of a cluster that lives on, use M(cairn.hci.ceph_osd) or M(cairn.hci.ceph_mon).
extends_documentation_fragment: cairn.hci._attributes
options:
  fsid: &fsid
    description: The cluster's id.
    type: str
  state: &state
    description: The cluster shall have nothing on this node.
    type: str
    choices: [absent]
    default: absent
  clusters:
    description: The clusters, each with the options above.
    type: list
    elements: dict
    suboptions:
      fsid:
        <<: *fsid
        required: true
      state: *state
seealso:
  - module: cairn.hci.ceph_info
"""

EXAMPLES = r"""
- name: Destroy the cluster
  cairn.hci.ceph_purge:
    fsid: 5d3b7e8e-0f5c-4f3a-9a52-0f1a1d5ec9f5
"""

RETURN = r"""
clusters:
  description: The clusters; after a change none is left.
  returned: success
  type: list
  elements: dict
  sample:
    - {fsid: 5d3b7e8e-0f5c-4f3a-9a52-0f1a1d5ec9f5, state: absent, changed: true}
"""

from ansible_collections.cairn.hci.plugins.module_utils._ceph_purge import CephPurge
from ansible_collections.cairn.hci.plugins.module_utils._resource import run

OPTIONS = {
    "fsid": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["absent"], "default": "absent"},
}


def main() -> None:
    """Entry point."""
    run(CephPurge, OPTIONS)


if __name__ == "__main__":
    main()
