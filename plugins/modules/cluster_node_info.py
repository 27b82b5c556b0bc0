#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module cluster_node_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_node_info
short_description: Tell what the nodes of the cluster are there for
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Returns the nodes as Pacemaker has them, with the virtual machines that run there.
extends_documentation_fragment: cairn.hci._attributes.info
options:
  name:
    description: The nodes to tell of, by default all. One that the cluster does not have is not returned.
    type: list
    elements: str
  timeout:
    description: How long to wait for Pacemaker's quorum, in seconds.
    type: int
    default: 30
seealso:
  - module: cairn.hci.cluster_node
"""

EXAMPLES = r"""
- name: Which nodes are drained?
  cairn.hci.cluster_node_info:
  register: cluster
"""

RETURN = r"""
nodes:
  description:
    - The nodes. C(vms) run there now. C(returning_vms) are those that the node had when it was drained.
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
      vms: []
      returning_vms: [db1, web1]
      attributes: {cairn-domain: rack1}
"""

from ansible_collections.cairn.hci.plugins.module_utils._cluster_nodes import ClusterNodes
from ansible_collections.cairn.hci.plugins.module_utils._resource import run_info


def main() -> None:
    """Entry point."""
    run_info(ClusterNodes, {"timeout": {"type": "int", "default": 30}})


if __name__ == "__main__":
    main()
