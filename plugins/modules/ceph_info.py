#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module ceph_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_info
short_description: Tell the state of the Ceph cluster
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Returns health, quorum, managers, OSDs and pools in one call.
extends_documentation_fragment:
  - cairn.hci._attributes.info
  - cairn.hci._ceph
options:
  wait:
    description: How long to wait for C(HEALTH_OK), in seconds. What is the case then is returned, healthy or not.
    type: int
    default: 0
  ignore:
    description: Health checks, such as V(OSD_FLAGS), with which the cluster is healthy all the same.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Wait a minute for the cluster to be healthy
  cairn.hci.ceph_info:
    wait: 60
  register: ceph
  failed_when: not ceph.ceph.healthy
"""

RETURN = r"""
ceph:
  description: The cluster; sizes in bytes.
  returned: success
  type: dict
  sample:
    fsid: 5d3b7e8e-0f5c-4f3a-9a52-0f1a1d5ec9f5
    health: HEALTH_OK
    healthy: true
    checks: []
    monitors: [node1, node2, node3]
    quorum: [node1, node2, node3]
    managers: [node1, node2, node3]
    osds:
      - {id: 0, host: node1, class: ssd, up: true, in: true, destroyed: false, size: 8589934592, used: 30408704}
    fenced: []
    pools:
      - {name: vms, size: 3, min_size: 2, pg_num: 32, stored: 1073741824, available: 7730941132}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cairn.hci.plugins.module_utils._ceph import CONNECTION, Cluster
from ansible_collections.cairn.hci.plugins.module_utils._health import to_dict, wait_for_health
from ansible_collections.cairn.hci.plugins.module_utils._resource import ResourceError

OPTIONS = {
    "wait": {"type": "int", "default": 0},
    "ignore": {"type": "list", "elements": "str", "default": []},
}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=CONNECTION | OPTIONS, supports_check_mode=True)
    ignore = module.params["ignore"]
    try:
        with Cluster(module.params) as cluster:
            wait_for_health(cluster, module.params["wait"], ignore)
            ceph = to_dict(cluster, ignore)
    except ResourceError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, ceph=ceph)


if __name__ == "__main__":
    main()
