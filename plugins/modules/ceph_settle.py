#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module ceph_settle."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_settle
short_description: Wait until Ceph has moved the data
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Waits until no data would be lost with some OSDs, or until the cluster is healthy.
  - Shows meanwhile how far it is, and fails when it is not in time.
  - An action plugin of the same name does it; it asks the node every few seconds.
extends_documentation_fragment:
  - cairn.hci._attributes.info
  - cairn.hci._ceph
options:
  empty:
    description: The numbers of OSDs that shall hold nothing that is needed. Without any, it waits for C(HEALTH_OK).
    type: list
    elements: int
    default: []
  ignore:
    description: Health checks, such as V(OSD_FLAGS), with which the cluster is healthy all the same.
    type: list
    elements: str
    default: []
  wait:
    description: How long it may take, in seconds. With V(0) it only looks, and does not fail for what it sees.
    type: int
    default: 86400
seealso:
  - module: cairn.hci.ceph_osd_map
  - module: cairn.hci.ceph_info
"""

EXAMPLES = r"""
- name: Wait until the data of an OSD is elsewhere
  cairn.hci.ceph_settle:
    empty: [3]
    wait: 36000
"""

RETURN = r"""
settled:
  description: Whether it is C(done), the C(line) that says how far it is, and the C(problem) if it is not.
  returned: success
  type: dict
  sample: {done: true, line: Ceph is healthy., problem: null}
shown:
  description: The lines that were shown.
  returned: always
  type: list
  elements: str
  sample: ["osd.3: 12 placement groups left, 8.4 % of the data is misplaced (after 31 s)"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cairn.hci.plugins.module_utils import _ceph_osd_maps, _ceph_progress
from ansible_collections.cairn.hci.plugins.module_utils._ceph import CONNECTION, Cluster
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, ResourceError

OPTIONS = {
    "empty": {"type": "list", "elements": "int", "default": []},
    "ignore": {"type": "list", "elements": "str", "default": []},
    "wait": {"type": "int", "default": 86400},
}


def look(params: Object) -> Object:
    """Ask once."""
    with Cluster(params) as cluster:
        status = cluster.command({"prefix": "status"})
        if not params["empty"]:
            return _ceph_progress.healthy(status, params["ignore"])
        osds = _ceph_osd_maps.read(cluster)
        # One that is not in the map any more holds nothing.
        there = [ident for ident in params["empty"] if ident in osds]
        answer = _ceph_osd_maps.answered(cluster, "osd safe-to-destroy", there) if there else {}
    groups = {ident: osds[ident]["groups"] for ident in there}
    return _ceph_progress.emptied(there, answer.get("safe_to_destroy", []), groups, status["pgmap"])


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=CONNECTION | OPTIONS, supports_check_mode=True)
    try:
        settled = look(module.params)
    except ResourceError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, settled=settled)


if __name__ == "__main__":
    main()
