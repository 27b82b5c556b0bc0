#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module libvirt_secret."""

from __future__ import annotations

DOCUMENTATION = r"""
module: libvirt_secret
short_description: Give libvirt the key of a Ceph client
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Defines a secret of usage C(ceph) and sets its value. The value is compared, not only the existence.
  - A guest's definition names the UUID, so it must be the same on all nodes.
extends_documentation_fragment:
  - cairn.hci._attributes
  - cairn.hci._libvirt
options:
  uuid: &uuid
    description: The secret's UUID.
    type: str
  usage: &usage
    description: The name of the secret's use; unique on the node.
    type: str
  value: &value
    description: The key, in base64 as Ceph shows it.
    type: str
  state: &state
    description: Whether the secret shall exist.
    type: str
    choices: [present, absent]
    default: present
  secrets:
    description: The secrets, each with the options above.
    type: list
    elements: dict
    suboptions:
      uuid:
        <<: *uuid
        required: true
      usage: *usage
      value: *value
      state: *state
seealso:
  - module: cairn.hci.libvirt_secret_info
"""

EXAMPLES = r"""
- name: Let guests of this node reach their disks
  cairn.hci.libvirt_secret:
    uuid: 5fd3ee1c-3d2c-5d3c-a3a5-3f2a2b7d5a51
    usage: client.libvirt
    value: "{{ key }}"
"""

RETURN = r"""
secrets:
  description: The secrets, without their values.
  returned: success
  type: list
  elements: dict
  sample:
    - {uuid: 5fd3ee1c-3d2c-5d3c-a3a5-3f2a2b7d5a51, usage: client.libvirt, state: present, changed: false}
"""

from ansible_collections.cairn.hci.plugins.module_utils._libvirt import CONNECTION
from ansible_collections.cairn.hci.plugins.module_utils._libvirt_secret import LibvirtSecret
from ansible_collections.cairn.hci.plugins.module_utils._resource import run

OPTIONS = {
    "uuid": {"type": "str", "required": True},
    "usage": {"type": "str"},
    "value": {"type": "str", "no_log": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def main() -> None:
    """Entry point."""
    run(LibvirtSecret, OPTIONS, CONNECTION)


if __name__ == "__main__":
    main()
