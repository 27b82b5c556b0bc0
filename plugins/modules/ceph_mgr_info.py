#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module ceph_mgr_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_mgr_info
short_description: Tell the Ceph manager of a node
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Returns the managers of the node.
extends_documentation_fragment:
  - cairn.hci._attributes.info
  - cairn.hci._ceph
options:
  name:
    description: The managers to tell of; those that are here by default.
    type: list
    elements: str
  client:
    description: The name to connect as, with its type.
    type: str
    default: mon.
seealso:
  - module: cairn.hci.ceph_mgr
"""

EXAMPLES = r"""
- name: Does it run, and does it need the substitutes?
  cairn.hci.ceph_mgr_info:
"""

RETURN = r"""
mgrs:
  description: The manager.
  returned: success
  type: list
  elements: dict
  sample:
    - name: node1
      caps: {mon: allow profile mgr, osd: allow *, mds: allow *}
      keyring: /var/lib/ceph/mgr/ceph-node1/keyring
      substitutes: {}
      enabled: true
      running: true
"""

from ansible_collections.cairn.hci.plugins.module_utils._ceph import CONNECTION
from ansible_collections.cairn.hci.plugins.module_utils._ceph_mgr import CephMgr
from ansible_collections.cairn.hci.plugins.module_utils._resource import run_info


def main() -> None:
    """Entry point."""
    run_info(CephMgr, {**CONNECTION, "client": {"type": "str", "default": "mon."}})


if __name__ == "__main__":
    main()
