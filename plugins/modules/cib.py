#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module cib."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cib
short_description: Elements of Pacemaker's configuration
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Adds, changes and removes elements of Pacemaker's CIB, such as properties, resources, constraints, fencing levels
    and attributes of nodes.
  - All changes reach the cluster as one patch. Elements that are not named stay as they are, whoever wrote them.
  - Waits until the cluster has a quorum. Run it on one node.
extends_documentation_fragment: cairn.hci._attributes
options:
  name: &name
    description: The element's C(id); of an entry of a node C(nodes/NAME).
    type: str
  section: &section
    description: The section of the CIB's C(configuration) that it is in.
    type: str
    choices: [crm_config, nodes, resources, constraints, fencing-topology, rsc_defaults, op_defaults, alerts, tags]
  xml: &xml
    description:
      - The element as XML. Elements are compared by meaning; the order of name-value pairs has none.
      - Of an entry of a node, only the sets that are given are put into what is there.
    type: str
  state: &state
    description: Whether the element shall exist.
    type: str
    choices: [present, absent]
    default: present
  elements:
    description: The elements, each with the options above.
    type: list
    elements: dict
    suboptions:
      name:
        <<: *name
        required: true
      section: *section
      xml: *xml
      state: *state
  purge:
    description: Whether to remove what the role ha once wrote for the cluster itself and what is not named any more.
    type: bool
    default: false
  timeout:
    description: How long to wait for a quorum, in seconds.
    type: int
    default: 120
seealso:
  - module: cairn.hci.cib_info
"""

EXAMPLES = r"""
- name: Let no VM start on node3
  cairn.hci.cib:
    name: site-not-node3
    section: constraints
    xml: <rsc_location id="site-not-node3" rsc-pattern="vm-.*" node="node3" score="-INFINITY"/>
"""

RETURN = r"""
elements:
  description: Each element with its section and XML, and whether it was changed.
  returned: success
  type: list
  elements: dict
  sample:
    - name: site-not-node3
      section: constraints
      xml: <rsc_location id="site-not-node3" node="node3" rsc-pattern="vm-.*" score="-INFINITY"></rsc_location>
      state: present
      changed: true
"""

from ansible_collections.cairn.hci.plugins.module_utils._cib_elements import CibElements
from ansible_collections.cairn.hci.plugins.module_utils._resource import run

SECTIONS = [
    *("crm_config", "nodes", "resources", "constraints", "fencing-topology", "rsc_defaults", "op_defaults"),
    *("alerts", "tags"),
]
OPTIONS = {
    "name": {"type": "str", "required": True},
    "section": {"type": "str", "choices": SECTIONS},
    "xml": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
COMMON = {"purge": {"type": "bool", "default": False}, "timeout": {"type": "int", "default": 120}}


def main() -> None:
    """Entry point."""
    run(CibElements, OPTIONS, COMMON)


if __name__ == "__main__":
    main()
