#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module migration."""

from __future__ import annotations

DOCUMENTATION = r"""
module: migration
short_description: Live migrations of virtual machines
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Draws any number of virtual machines to another node with a constraint in Pacemaker, which moves them live.
  - Asks Pacemaker first where each would go, and says in a sentence what can't be before the first one moves.
  - It does not wait; M(cairn.hci.settle) does. A VM stays where it is when its migration is V(absent) again.
extends_documentation_fragment: cairn.hci._attributes
options:
  name: &name
    description: The virtual machine.
    type: str
  to: &to
    description: The node that shall run it. By default any other node than that which runs it, of Pacemaker's choice.
    type: str
  state: &state
    description: V(present) begins the migration. V(absent) draws the VM no longer, after which it stays where it is.
    type: str
    choices: [present, absent]
    default: present
  migrations:
    description: The migrations, each with the options above.
    type: list
    elements: dict
    suboptions:
      name:
        <<: *name
        required: true
      to: *to
      state: *state
  timeout:
    description: How long to wait for Pacemaker's quorum, in seconds.
    type: int
    default: 30
seealso:
  - module: cairn.hci.migration_info
  - module: cairn.hci.settle
"""

EXAMPLES = r"""
- name: Have two VMs on node3
  cairn.hci.migration:
    migrations:
      - {name: web1, to: node3}
      - {name: db1, to: node3}

- name: Wait until they are there
  cairn.hci.settle:

- name: Let them stay
  cairn.hci.migration:
    migrations:
      - {name: web1, state: absent}
      - {name: db1, state: absent}
"""

RETURN = r"""
migrations:
  description: Each migration with the node that runs the VM, and that which it is drawn to.
  returned: success
  type: list
  elements: dict
  sample:
    - {name: web1, node: node1, to: node3, state: present, changed: true}
"""

from ansible_collections.cairn.hci.plugins.module_utils._migrations import Migrations
from ansible_collections.cairn.hci.plugins.module_utils._resource import run

OPTIONS = {
    "name": {"type": "str", "required": True},
    "to": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def main() -> None:
    """Entry point."""
    run(Migrations, OPTIONS, {"timeout": {"type": "int", "default": 30}})


if __name__ == "__main__":
    main()
