#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bridges and bonds of a node, and the plain links that this collection configures."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bridge_info
short_description: Bridges and bonds of a node and what is attached to them
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Returns all bridges and bonds of a node and the plain links that M(cairn.hci.bridge) configures, or those named.
extends_documentation_fragment:
  - cairn.hci._attributes.info
options:
  name:
    description: Return these links only; a name that does not exist is left out.
    type: list
    elements: str
seealso:
  - module: cairn.hci.bridge
"""

EXAMPLES = r"""
- name: What is attached to lan
  cairn.hci.bridge_info:
    name: lan
"""

RETURN = r"""
bridges:
  description: The bridges and links, by name. The same keys as M(cairn.hci.bridge) returns.
  returned: success
  type: list
  elements: dict
  sample:
    - name: lan
      type: bridge
      ports: [eno1]
      guests: [vnet0]
      bond: null
      vlan_aware: false
      mtu: 1500
      mac: 52:54:00:12:34:56
      addresses: [192.0.2.11/24]
      gateway: [192.0.2.1]
      dns: []
      routes: []
      vxlan: null
      persisted: true
"""

from ansible_collections.cairn.hci.plugins.module_utils import _bridge, _network_guard
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, Resource, run_info


class Bridges(Resource):
    """Reads what M(cairn.hci.bridge) manages."""

    plural = "bridges"

    def read(self, wanted: list[Object] | None) -> dict[str, Object]:
        """The links by name."""
        node = _network_guard.read_node(vlan=False)
        return _bridge.read(node, None if wanted is None else [item["name"] for item in wanted])


def main() -> None:
    """Run the module."""
    run_info(Bridges)


if __name__ == "__main__":
    main()
