#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module libvirt_secret_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: libvirt_secret_info
short_description: Tell libvirt's secrets of Ceph clients
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Returns UUID, usage and the digest of the value, never the value.
extends_documentation_fragment:
  - cairn.hci._attributes.info
  - cairn.hci._libvirt
options:
  uuid:
    description: The secrets' UUIDs; all when it is not given.
    type: list
    elements: str
seealso:
  - module: cairn.hci.libvirt_secret
"""

EXAMPLES = r"""
- name: Which secrets has this node?
  cairn.hci.libvirt_secret_info:
"""

RETURN = r"""
secrets:
  description: The secrets, sorted by UUID.
  returned: success
  type: list
  elements: dict
  sample:
    - {uuid: 5fd3ee1c-3d2c-5d3c-a3a5-3f2a2b7d5a51, usage: client.libvirt, sha256: 6e34...}
"""

from ansible_collections.cairn.hci.plugins.module_utils._libvirt import CONNECTION
from ansible_collections.cairn.hci.plugins.module_utils._libvirt_secret import LibvirtSecret
from ansible_collections.cairn.hci.plugins.module_utils._resource import run_info


def main() -> None:
    """Entry point."""
    run_info(LibvirtSecret, CONNECTION)


if __name__ == "__main__":
    main()
