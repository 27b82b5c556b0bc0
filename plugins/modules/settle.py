#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module settle."""

from __future__ import annotations

DOCUMENTATION = r"""
module: settle
short_description: Wait until Pacemaker has done what it has to do
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Waits until Pacemaker is at rest, as after M(cairn.hci.cluster_node), M(cairn.hci.migration) or M(cairn.hci.cib).
  - Shows meanwhile a line for each virtual machine that has come to another node, and each failure with its reason.
  - Fails when a virtual machine that shall run does not when Pacemaker is at rest, or when Pacemaker is not in time.
  - An action plugin of the same name does it; it asks the node every two seconds.
extends_documentation_fragment: cairn.hci._attributes.info
options:
  timeout:
    description: How long Pacemaker may take, in seconds. With V(0) it only looks, and does not fail for what it sees.
    type: int
    default: 3600
  before:
    description:
      - RV(settled) of a look before the change. What moved or failed since then is shown, however fast it was.
      - A virtual machine that did not run then is not missed now.
    type: dict
    default: {}
  stopped:
    description: Whether all virtual machines are to be off at the end.
    type: bool
    default: false
seealso:
  - module: cairn.hci.ha_info
"""

EXAMPLES = r"""
- name: Look where everything is
  cairn.hci.settle:
    timeout: 0
  register: look

- name: Empty a node
  cairn.hci.cluster_node:
    name: node2
    availability: drained

- name: Wait until it is empty
  cairn.hci.settle:
    before: "{{ look.settled }}"
    timeout: 1800
"""

RETURN = r"""
settled:
  description:
    - C(vms) says where each virtual machine is, C(idle) whether Pacemaker is at rest.
    - C(missing) has a sentence for each that shall run and does not, C(failures) one for what failed since O(before).
  returned: success
  type: dict
  sample:
    idle: true
    time: 1763683200.25
    vms:
      web1: {role: Started, nodes: [node3], target_role: Started, pending: null, blocked: false, agent: "ocf:cairn:vm"}
    missing: {}
    failures: {}
moved:
  description: The lines that were shown.
  returned: always
  type: list
  elements: str
  sample: ["web1: node2 -> node3 (after 4 s)"]
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cairn.hci.plugins.module_utils import _moves, _pacemaker, _progress
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, ResourceError

OPTIONS = {
    "timeout": {"type": "int", "default": 3600},
    "before": {"type": "dict", "default": {}},
    "stopped": {"type": "bool", "default": False},
}


def look(since: float | None) -> Object:
    """How far it is now."""
    cib, shown = _pacemaker.query(), _pacemaker.monitor()
    resources = _pacemaker.resources(shown)
    vms = _moves.vms(resources)
    return {
        "idle": _pacemaker.is_ready(cib)
        and not any(one["pending"] for one in resources.values())
        and _pacemaker.is_idle(shown),
        "time": time.time(),
        "vms": vms,
        "missing": _progress.missing(vms, _pacemaker.failures(shown)),
        "failures": {} if since is None else _progress.failures(cib, since),
    }


def main() -> None:
    """Entry point: one look; the action plugin repeats it."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    try:
        module.exit_json(changed=False, settled=look(module.params["before"].get("time")))
    except ResourceError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
