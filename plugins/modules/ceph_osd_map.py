#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module ceph_osd_map."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_osd_map
short_description: OSDs in the map of a Ceph cluster
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Takes OSDs out of use and in again, and removes them from the map, with or without keeping their ids.
  - Refuses to take one out whose data the others can't hold, and to remove one that may hold the last copy of it.
  - Does nothing on the OSD's node; see M(cairn.hci.ceph_osd_daemon).
extends_documentation_fragment:
  - cairn.hci._attributes
  - cairn.hci._ceph
options:
  id: &id
    description: The number of the OSD.
    type: int
  in: &in
    description: Whether data is stored on it. When it is out, Ceph moves its data to the others.
    type: bool
  by_size: &by_size
    description: Whether its share of the data shall be that of its size, as after a larger disk took its place.
    type: bool
  replacing: &replacing
    description: V(false) tells that all is done since the OSD was destroyed for a new disk.
    type: bool
  state: &state
    description:
      - Whether the OSD is in the map.
      - V(destroyed) keeps its id for a new disk, and forgets its keys, so that an encrypted one can't be read any more.
        It may be down and its data be had from the others, with fewer copies meanwhile.
      - V(absent) needs an OSD without which no data would be lost.
    type: str
    choices: [present, destroyed, absent]
    default: present
  osds:
    description: OSDs, each with the options above.
    type: list
    elements: dict
    suboptions:
      id:
        <<: *id
        required: true
      in: *in
      by_size: *by_size
      replacing: *replacing
      state: *state
seealso:
  - module: cairn.hci.ceph_osd_map_info
  - module: cairn.hci.ceph_settle
"""

EXAMPLES = r"""
- name: Have the data of an OSD moved to the others
  cairn.hci.ceph_osd_map:
    id: 3
    in: false

- name: Keep its id for a new disk
  cairn.hci.ceph_osd_map:
    id: 3
    state: destroyed
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
from ansible_collections.cairn.hci.plugins.module_utils._resource import run

OPTIONS = {
    "id": {"type": "int", "required": True},
    "in": {"type": "bool"},
    "by_size": {"type": "bool"},
    "replacing": {"type": "bool"},
    "state": {"type": "str", "choices": ["present", "destroyed", "absent"], "default": "present"},
}


def main() -> None:
    """Entry point."""
    run(CephOsdMap, OPTIONS, CONNECTION)


if __name__ == "__main__":
    main()
