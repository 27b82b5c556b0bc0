#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin preflight."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Validate the whole inventory and make the plan
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Checks the variables of all hosts in the groups C(nodes) and C(vms) against the argument specs of the collection's
    roles, and against each other and what the nodes answered to M(cairn.hci.node_info).
  - Everything that is wrong is said at once, a sentence each. Nothing is changed.
  - Decides what is left open (addresses, monitors, the node of each VM) and returns the plan that the roles carry out.
  - Runs once, on the controller, and sees all hosts even with C(--limit).
extends_documentation_fragment: cairn.hci._attributes.info
options:
  others:
    description:
      - Results of M(cairn.hci.node_info) of nodes that the play leaves out, from a loop over their names.
      - Those of the play's own nodes are taken from their registered variable C(_preflight_node).
    type: list
    elements: dict
    default: []
notes:
  - The role C(cairn.hci.preflight) calls it as it must be called.
"""

EXAMPLES = r"""
- name: Look at every node
  cairn.hci.node_info:
  register: _preflight_node

- name: Validate the inventory and make the plan
  cairn.hci.preflight:
"""

RETURN = r"""
plan:
  description: The plan as lines of text.
  returned: success
  type: list
  elements: str
  sample: ["Ceph cluster 6f0c... (new), storage network 10.10.0.0/24"]
ansible_facts:
  description: The fact C(cairn_plan).
  returned: success
  type: dict
  contains:
    cairn_plan:
      description:
        - C(fsid), C(ceph) and C(monitors) describe the Ceph cluster, C(storage_cidr) its network.
        - C(nodes) has by name the place, addresses, links, OSD devices and kind of guests of each node.
        - C(images), C(uploads), C(disks), C(disks_absent), C(seeds) and C(seeds_absent) are lists of the options of
          M(cairn.hci.rbd_image) and M(cairn.hci.cloud_init_seed), C(domains) has those of M(cairn.hci.domain) by node.
        - C(vms) has by name the node and state of each VM. C(certificates) are the options of
          M(cairn.hci.tls_certificate), and C(vm_pool) is the pool of the VMs' disks.
      returned: success
      type: dict
"""

# The action plugin of the same name does the work.
