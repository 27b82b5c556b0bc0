#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module cib_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cib_info
short_description: Read elements of Pacemaker's configuration
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Returns the elements of Pacemaker's CIB, or some, each as XML.
extends_documentation_fragment: cairn.hci._attributes.info
options:
  name:
    description: The ids of the elements (C(nodes/NAME) of entries of nodes), by default all.
    type: list
    elements: str
  timeout:
    description: How long to wait for a quorum, in seconds.
    type: int
    default: 120
seealso:
  - module: cairn.hci.cib
"""

EXAMPLES = r"""
- name: How are nodes fenced?
  cairn.hci.cib_info:
  register: cib
"""

RETURN = r"""
elements:
  description: The elements that exist, with section and XML.
  returned: success
  type: list
  elements: dict
  sample:
    - {name: cairn-off-node1, section: constraints, xml: '<rsc_location id="cairn-off-node1" .../>'}
"""

from ansible_collections.cairn.hci.plugins.module_utils._cib_elements import CibElements
from ansible_collections.cairn.hci.plugins.module_utils._resource import run_info


def main() -> None:
    """Entry point."""
    run_info(CibElements, {"timeout": {"type": "int", "default": 120}})


if __name__ == "__main__":
    main()
