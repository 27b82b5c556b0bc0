#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module ceph_pool."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_pool
short_description: Replicated pools of a Ceph cluster
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Makes, changes and removes pools, one or many.
  - A pool that holds images or other objects is not removed unless O(force) says so. The monitors' protection against
    removing pools is lifted only for the moment.
extends_documentation_fragment:
  - cairn.hci._attributes
  - cairn.hci._ceph
options:
  name: &name
    description: The name of the pool.
    type: str
  size: &size
    description: The number of copies. The default for a new pool is the cluster's, 3.
    type: int
  min_size: &min_size
    description: The number of copies that must be writable for the pool to accept I/O. The default is the cluster's, 2.
    type: int
  pg_num: &pg_num
    description: The number of placement groups. Only the initial one while O(pg_autoscale_mode) is V(on).
    type: int
  pg_autoscale_mode: &pg_autoscale_mode
    description: Whether the cluster chooses the number of placement groups.
    type: str
    choices: ["on", "off", "warn"]
  target_size_ratio: &target_size_ratio
    description: The expected share of the cluster's space, relative to other pools; helps to choose O(pg_num).
    type: float
  crush_rule: &crush_rule
    description: An existing CRUSH rule to place the copies by.
    type: str
  device_class: &device_class
    description:
      - Use OSDs of this class only, such as V(ssd). The rule C(replicated_CLASS) is made for it, one copy on a host.
      - Takes precedence over O(crush_rule).
    type: str
  application: &application
    description: What the pool is used for.
    type: str
    choices: [rbd, cephfs, rgw]
  force: &force
    description: Whether the pool may be removed with all that is in it.
    type: bool
    default: false
  state: &state
    description: Whether the pool shall exist.
    type: str
    choices: [present, absent]
    default: present
  pools:
    description: The pools, each with the options above.
    type: list
    elements: dict
    suboptions:
      name:
        <<: *name
        required: true
      size: *size
      min_size: *min_size
      pg_num: *pg_num
      pg_autoscale_mode: *pg_autoscale_mode
      target_size_ratio: *target_size_ratio
      crush_rule: *crush_rule
      device_class: *device_class
      application: *application
      force: *force
      state: *state
seealso:
  - module: cairn.hci.ceph_pool_info
"""

EXAMPLES = r"""
- name: A pool for images on three hosts
  cairn.hci.ceph_pool:
    name: vms
    size: 3
    min_size: 2
    application: rbd

- name: A fast and a large one
  cairn.hci.ceph_pool:
    pools:
      - {name: fast, device_class: nvme, application: rbd}
      - {name: large, device_class: hdd, application: rbd, target_size_ratio: 0.8}
"""

RETURN = r"""
pools:
  description: The pools.
  returned: success
  type: list
  elements: dict
  sample:
    - name: vms
      size: 3
      min_size: 2
      pg_num: 32
      pg_autoscale_mode: "on"
      crush_rule: replicated_rule
      target_size_ratio: 0.0
      application: rbd
"""

from ansible_collections.cairn.hci.plugins.module_utils._ceph import CONNECTION
from ansible_collections.cairn.hci.plugins.module_utils._ceph_pools import CephPool
from ansible_collections.cairn.hci.plugins.module_utils._resource import run

OPTIONS = {
    "name": {"type": "str", "required": True},
    "size": {"type": "int"},
    "min_size": {"type": "int"},
    "pg_num": {"type": "int"},
    "pg_autoscale_mode": {"type": "str", "choices": ["on", "off", "warn"]},
    "target_size_ratio": {"type": "float"},
    "crush_rule": {"type": "str"},
    "device_class": {"type": "str"},
    "application": {"type": "str", "choices": ["rbd", "cephfs", "rgw"]},
    "force": {"type": "bool", "default": False},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def main() -> None:
    """Entry point."""
    run(CephPool, OPTIONS, CONNECTION)


if __name__ == "__main__":
    main()
