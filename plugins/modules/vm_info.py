#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module vm_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_info
short_description: Read the virtual machines that the cluster keeps running
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Returns all VMs of the registry, or some, in the spelling of the options of M(cairn.hci.vm).
  - Each is returned with the node that runs it.
extends_documentation_fragment: [cairn.hci._attributes.info, cairn.hci._ceph, cairn.hci._libvirt]
options:
  name:
    description: The VMs to return, by default all. One that does not exist is not returned.
    type: list
    elements: str
  pool:
    description: The pool with the registry of definitions.
    type: str
    default: vms
  members:
    description: The nodes of the cluster.
    type: list
    elements: str
    required: true
seealso:
  - module: cairn.hci.vm
"""

EXAMPLES = r"""
- name: Where does everything run?
  cairn.hci.vm_info:
    members: [node1, node2, node3]
  register: all_vms
"""

RETURN = r"""
vms:
  description: The VMs, as M(cairn.hci.vm) returns them.
  returned: success
  type: list
  elements: dict
  sample:
    - {name: web1, power: running, node: node2, memory: 2GiB, vcpus: 2}
"""

from ansible_collections.cairn.hci.plugins.module_utils._ceph import CONNECTION as CEPH
from ansible_collections.cairn.hci.plugins.module_utils._libvirt import CONNECTION
from ansible_collections.cairn.hci.plugins.module_utils._resource import run_info
from ansible_collections.cairn.hci.plugins.module_utils._vms import COMMON, Vms


def main() -> None:
    """Entry point."""
    run_info(Vms, CEPH | CONNECTION | COMMON)


if __name__ == "__main__":
    main()
