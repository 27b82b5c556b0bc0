#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module ceph_pool_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_pool_info
short_description: Tell the pools of a Ceph cluster
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Returns the settings of pools.
extends_documentation_fragment:
  - cairn.hci._attributes.info
  - cairn.hci._ceph
options:
  name:
    description: The pools to tell of; all by default.
    type: list
    elements: str
seealso:
  - module: cairn.hci.ceph_pool
"""

EXAMPLES = r"""
- name: All pools
  cairn.hci.ceph_pool_info:
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
from ansible_collections.cairn.hci.plugins.module_utils._resource import run_info


def main() -> None:
    """Entry point."""
    run_info(CephPool, CONNECTION)


if __name__ == "__main__":
    main()
