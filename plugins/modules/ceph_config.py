#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module ceph_config."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_config
short_description: Options in a Ceph cluster's configuration database
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Sets options for all daemons and clients of a section, in any number of sections with one call.
  - Options that are not named are left alone.
extends_documentation_fragment:
  - cairn.hci._attributes
  - cairn.hci._ceph
options:
  name: &name
    description:
      - The section, such as V(global), V(mon), V(osd), V(client) or V(osd.3).
      - A mask may follow, such as V(osd/class:hdd) or V(osd/host:node1).
    type: str
  options: &options
    description:
      - Options by name. A null value removes the option, so that its default holds again.
      - Sizes may be written with a unit, such as V(4GiB).
    type: dict
  sections:
    description: The sections, each with the options above.
    type: list
    elements: dict
    suboptions:
      name:
        <<: *name
        required: true
      options:
        <<: *options
        required: true
seealso:
  - module: cairn.hci.ceph_config_info
"""

EXAMPLES = r"""
- name: Memory of all OSDs, and scrubbing at night
  cairn.hci.ceph_config:
    name: osd
    options: {osd_memory_target: 4GiB, osd_scrub_begin_hour: 22, osd_scrub_end_hour: 6}

- name: Remove one option, set another
  cairn.hci.ceph_config:
    sections:
      - {name: mon, options: {mon_lease: null}}
      - {name: osd/class:hdd, options: {osd_max_backfills: 1}}
"""

RETURN = r"""
sections:
  description: Each section with the options that are set in it, as the cluster writes them.
  returned: success
  type: list
  elements: dict
  sample:
    - {name: osd, options: {osd_memory_target: "4294967296"}}
"""

from ansible_collections.cairn.hci.plugins.module_utils._ceph import CONNECTION
from ansible_collections.cairn.hci.plugins.module_utils._ceph_config import CephConfig
from ansible_collections.cairn.hci.plugins.module_utils._resource import run

OPTIONS = {
    "name": {"type": "str", "required": True},
    "options": {"type": "dict", "required": True},
}


def main() -> None:
    """Entry point."""
    run(CephConfig, OPTIONS, CONNECTION, required_by={"name": ["options"]})


if __name__ == "__main__":
    main()
