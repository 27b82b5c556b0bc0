#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module vm."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vm
short_description: Virtual machines that the cluster keeps running
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Keeps any number of virtual machines as the options say, whichever node runs them, with one task on one node.
  - A VM's definition is in RADOS; Pacemaker runs it with the agent C(ocf:cairn:vm), which the role ha brings.
  - Options and live changes are those of M(cairn.hci.domain). What a running VM can't take waits for its next start,
    and is returned in RV(vms[].restart_fields); O(restart) allows to restart it.
  - A VM that is a libvirt domain of one node until now is taken over as it runs.
  - Give all VMs that share labels in one task, for constraints are between them.
extends_documentation_fragment:
  [cairn.hci._attributes, cairn.hci._ceph, cairn.hci._libvirt, cairn.hci._domain.vm]
options:
  pool:
    description: The pool with the registry of definitions, which is that of the VMs' disks.
    type: str
    default: vms
  members:
    description: The nodes of the cluster, each reached by libvirt over TLS unless Pacemaker has it as offline.
    type: list
    elements: str
    required: true
seealso:
  - module: cairn.hci.vm_info
  - module: cairn.hci.domain
"""

EXAMPLES = r"""
- name: Two web servers on different nodes
  cairn.hci.vm:
    members: [node1, node2, node3]
    vms:
      - {name: web1, memory: 2GiB, power: running, apart: [web], disks: [{name: root, pool: vms, image: web1.root}]}
      - {name: web2, memory: 2GiB, power: running, apart: [web], disks: [{name: root, pool: vms, image: web2.root}]}
"""

RETURN = r"""
vms:
  description: Each VM as it is, in the spelling of the options.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The VM's name; all other options that describe its domain follow in the same way.
      type: str
      returned: always
      sample: web1
    node:
      description: The node that runs it.
      type: str
      returned: when it exists
    changed:
      description: Whether anything was changed.
      type: bool
      returned: always
    power:
      description: V(running), V(stopped) or V(paused).
      type: str
      returned: when it exists
    restart_fields:
      description: In which fields the running VM still differs from its definition.
      type: list
      elements: str
      returned: when it does
"""

from ansible_collections.cairn.hci.plugins.module_utils._ceph import CONNECTION as CEPH
from ansible_collections.cairn.hci.plugins.module_utils._domain_spec import DOMAIN, PLACEMENT, STORAGE
from ansible_collections.cairn.hci.plugins.module_utils._libvirt import CONNECTION
from ansible_collections.cairn.hci.plugins.module_utils._resource import run
from ansible_collections.cairn.hci.plugins.module_utils._vms import COMMON, Vms

OPTIONS = DOMAIN | PLACEMENT


def main() -> None:
    """Entry point."""
    run(Vms, OPTIONS, CEPH | CONNECTION | STORAGE | COMMON)


if __name__ == "__main__":
    main()
