#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module cluster_node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_node
short_description: What a node of the cluster is there for
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Empties nodes of virtual machines before maintenance, and gives them back after it.
  - Before a node is drained, it finds out what blocks that and says each thing in a sentence. It asks Pacemaker where
    all VMs would go, Ceph whether it can do without the node, and libvirt what else runs there.
  - All changes reach Pacemaker as one patch. It does not wait; M(cairn.hci.settle) does.
  - Run it on a node that has Ceph's admin key, such as a monitor's.
extends_documentation_fragment: [cairn.hci._attributes, cairn.hci._ceph]
options:
  name: &name
    description: The node.
    type: str
  availability: &availability
    description:
      - V(drained) gives the VMs away by live migration, takes none any more, and remembers which ones it had.
      - V(returning) takes VMs again and draws back those that it had. It changes nothing for a node that is V(active).
      - V(active) takes VMs, and forgets which ones it had.
      - Left as it is when unset.
    type: str
    choices: [active, returning, drained]
  attributes: &attributes
    description: Permanent attributes of the node in Pacemaker by name. An empty value takes one away. Others stay.
    type: dict
  nodes:
    description: The nodes, each with the options above. What is drained in one task is judged together.
    type: list
    elements: dict
    suboptions:
      name:
        <<: *name
        required: true
      availability: *availability
      attributes: *attributes
  leave_domains:
    description: Drain a node although domains that are not Pacemaker's run there. They stay, and go down with the node.
    type: bool
    default: false
  storage_vms:
    description: Domains that run the OSDs of their node. They are stopped with it, in order, and block no drain.
    type: list
    elements: str
    default: []
  timeout:
    description: How long to wait for Pacemaker's quorum and for answers of Ceph, in seconds.
    type: int
    default: 30
seealso:
  - module: cairn.hci.cluster_node_info
  - module: cairn.hci.settle
  - module: cairn.hci.migration
"""

EXAMPLES = r"""
- name: Empty a node
  cairn.hci.cluster_node:
    name: node2
    availability: drained

- name: Let it have its VMs again
  cairn.hci.cluster_node:
    name: node2
    availability: returning
"""

RETURN = r"""
nodes:
  description: Each node as M(cairn.hci.cluster_node_info) returns it, and whether it was changed.
  returned: success
  type: list
  elements: dict
  sample:
    - name: node2
      availability: drained
      online: true
      standby: true
      maintenance: false
      unclean: false
      vms: [web1]
      returning_vms: [db1, web1]
      attributes: {cairn-domain: rack1}
      changed: true
"""

from ansible_collections.cairn.hci.plugins.module_utils._ceph import CONNECTION
from ansible_collections.cairn.hci.plugins.module_utils._cluster_nodes import ClusterNodes
from ansible_collections.cairn.hci.plugins.module_utils._resource import run

OPTIONS = {
    "name": {"type": "str", "required": True},
    "availability": {"type": "str", "choices": ["active", "returning", "drained"]},
    "attributes": {"type": "dict"},
}
COMMON = CONNECTION | {
    "leave_domains": {"type": "bool", "default": False},
    "storage_vms": {"type": "list", "elements": "str", "default": []},
}


def main() -> None:
    """Entry point."""
    run(ClusterNodes, OPTIONS, COMMON)


if __name__ == "__main__":
    main()
