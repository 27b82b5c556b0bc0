#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module ha_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ha_info
short_description: How the cluster that keeps VMs running is
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Tells what Pacemaker says of nodes, resources and failures, and who holds the locks of VMs' disks.
extends_documentation_fragment: [cairn.hci._attributes.info, cairn.hci._ceph]
options:
  wait:
    description: How long to wait until Pacemaker has nothing left to do, in seconds.
    type: int
    default: 0
  pool:
    description: The pool of the disks in O(disks).
    type: str
    default: vms
  disks:
    description: The VM of each RBD image whose lock is to be looked at.
    type: dict
    default: {}
  addresses:
    description: The address of each node on the storage network, as it is in a lock.
    type: dict
    default: {}
seealso:
  - module: cairn.hci.vm_info
  - module: cairn.hci.cib_info
"""

EXAMPLES = r"""
- name: Is everything at rest?
  cairn.hci.ha_info:
    wait: 60
  register: cluster
"""

RETURN = r"""
ha:
  description:
    - Whether there is a quorum, the nodes, the resources, the latest failure of each.
    - C(stale_locks) are those of O(disks) that a node has which does not run the VM.
  returned: success
  type: dict
  sample:
    quorum: true
    busy: false
    nodes:
      node1: {online: true, standby: false, unclean: false}
    resources:
      vm-web1: {role: Started, nodes: [node1], blocked: false, pending: null}
    failures: {}
    stale_locks: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cairn.hci.plugins.module_utils import _pacemaker, _rbd_locks
from ansible_collections.cairn.hci.plugins.module_utils._ceph import CONNECTION, Cluster
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, ResourceError

OPTIONS = {
    "wait": {"type": "int", "default": 0},
    "pool": {"type": "str", "default": "vms"},
    "disks": {"type": "dict", "default": {}},
    "addresses": {"type": "dict", "default": {}},
}


def state() -> Object:
    """What Pacemaker says now."""
    shown = _pacemaker.monitor()
    resources = _pacemaker.resources(shown)
    return {
        "quorum": _pacemaker.is_ready(_pacemaker.query()),
        "busy": any(one["pending"] for one in resources.values()),
        "nodes": _pacemaker.nodes(shown),
        "resources": resources,
        "failures": _pacemaker.failures(shown),
    }


def read(params: Object) -> Object:
    """All of it."""
    found: Object = {}

    def at_rest() -> bool:
        found.update(state())
        return bool(found["quorum"]) and not found["busy"]

    _pacemaker.wait(at_rest, params["wait"])
    locks = []
    if params["disks"]:
        with Cluster(params) as cluster:
            held = _rbd_locks.owners(cluster, params["pool"], params["disks"])
        running = {name: one["nodes"] for name, one in found["resources"].items()}
        nodes = {vm: next(iter(running.get(f"vm-{vm}", [])), "") for vm in params["disks"].values()}
        where = {vm: params["addresses"].get(node) for vm, node in nodes.items()}
        locks = _rbd_locks.stale(held, params["disks"], where)
    return found | {"stale_locks": locks}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec={**CONNECTION, **OPTIONS}, supports_check_mode=True)
    try:
        module.exit_json(changed=False, ha=read(module.params))
    except ResourceError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
