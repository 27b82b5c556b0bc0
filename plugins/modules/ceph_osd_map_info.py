#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module ceph_osd_map_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_osd_map_info
short_description: Tell the OSDs in the map of a Ceph cluster
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Returns the OSDs of all nodes, and what may be done with those that are named.
extends_documentation_fragment:
  - cairn.hci._attributes.info
  - cairn.hci._ceph
options:
  id:
    description: The numbers of OSDs to tell of; all by default.
    type: list
    elements: str
seealso:
  - module: cairn.hci.ceph_osd_map
"""

EXAMPLES = r"""
- name: Can osd.3 and osd.4 be taken out at once?
  cairn.hci.ceph_osd_map_info:
    id: [3, 4]
"""

RETURN = r"""
osds:
  description:
    - The OSDs; sizes in bytes. C(groups) is how many placement groups an OSD holds.
    - C(safe), C(stoppable), C(dispensable) and C(obstacle) are of all that are named at once, and there only if any is.
    - C(safe) tells whether no data would be lost, C(stoppable) whether all pools stay writable,
      C(dispensable) whether they are down and all data can be had from the others.
    - C(obstacle) says why their data can't go elsewhere.
    - C(replacing) tells whether the one before it was destroyed for a new disk, and all is not done yet.
  returned: success
  type: list
  elements: dict
  sample:
    - id: 3
      uuid: 0d0e8a4b-9e4c-4a37-b3c5-5b1f6d2c7f10
      host: node1
      class: ssd
      up: true
      in: true
      destroyed: false
      new: false
      replacing: false
      weight: 0.9
      size: 989560464998
      used: 30408704
      groups: 33
      safe: false
      stoppable: true
      dispensable: false
      obstacle: null
"""

from ansible_collections.cairn.hci.plugins.module_utils._ceph import CONNECTION
from ansible_collections.cairn.hci.plugins.module_utils._ceph_osd_maps import CephOsdMap
from ansible_collections.cairn.hci.plugins.module_utils._resource import run_info


def main() -> None:
    """Entry point."""
    run_info(CephOsdMap, CONNECTION)


if __name__ == "__main__":
    main()
