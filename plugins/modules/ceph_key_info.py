#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module ceph_key_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_key_info
short_description: Tell the clients of a Ceph cluster and what they may do
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Returns keys with their caps; with their secrets only when asked for.
extends_documentation_fragment:
  - cairn.hci._attributes.info
  - cairn.hci._ceph
options:
  name:
    description: The keys to tell of; all by default.
    type: list
    elements: str
  with_secret:
    description: Whether to return the secrets. Use C(no_log) on the task then.
    type: bool
    default: false
seealso:
  - module: cairn.hci.ceph_key
"""

EXAMPLES = r"""
- name: What may the hypervisors do?
  cairn.hci.ceph_key_info:
    name: client.libvirt
"""

RETURN = r"""
ceph_keys:
  description: The keys that exist.
  returned: success
  type: list
  elements: dict
  sample:
    - {name: client.libvirt, caps: {mon: profile rbd, osd: profile rbd pool=vms}, file: null}
"""

from ansible_collections.cairn.hci.plugins.module_utils._ceph import CONNECTION
from ansible_collections.cairn.hci.plugins.module_utils._ceph_keys import CephKey
from ansible_collections.cairn.hci.plugins.module_utils._resource import run_info


def main() -> None:
    """Entry point."""
    run_info(CephKey, {**CONNECTION, "with_secret": {"type": "bool", "default": False, "no_log": False}})


if __name__ == "__main__":
    main()
