#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module ceph_flag_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_flag_info
short_description: Tell what a Ceph cluster leaves alone
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Returns the flags that are set for all OSDs, or for those of a node.
extends_documentation_fragment: [cairn.hci._attributes.info, cairn.hci._ceph]
options:
  name:
    description: The flags to look for, by default all that Ceph has, also its own such as C(sortbitwise).
    type: list
    elements: str
seealso:
  - module: cairn.hci.ceph_flag
"""

EXAMPLES = r"""
- name: What did an interrupted run leave?
  cairn.hci.ceph_flag_info:
    name: [noout]
"""

RETURN = r"""
flags:
  description: The flags that are set. C(node) is null for all OSDs.
  returned: success
  type: list
  elements: dict
  sample:
    - {name: noout, node: node2}
"""

from ansible_collections.cairn.hci.plugins.module_utils._ceph import CONNECTION
from ansible_collections.cairn.hci.plugins.module_utils._ceph_flags import CephFlags
from ansible_collections.cairn.hci.plugins.module_utils._resource import run_info


def main() -> None:
    """Entry point."""
    run_info(CephFlags, CONNECTION)


if __name__ == "__main__":
    main()
