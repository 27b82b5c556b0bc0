#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module migration_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: migration_info
short_description: Tell which virtual machines are drawn to a node
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Returns the migrations that M(cairn.hci.migration) has begun and that have not been taken away.
extends_documentation_fragment: cairn.hci._attributes.info
options:
  name:
    description: The virtual machines to tell of, by default all.
    type: list
    elements: str
  timeout:
    description: How long to wait for Pacemaker's quorum, in seconds.
    type: int
    default: 30
seealso:
  - module: cairn.hci.migration
"""

EXAMPLES = r"""
- name: What did an interrupted run leave?
  cairn.hci.migration_info:
"""

RETURN = r"""
migrations:
  description: The migrations.
  returned: success
  type: list
  elements: dict
  sample:
    - {name: web1, node: node1, to: node3}
"""

from ansible_collections.cairn.hci.plugins.module_utils._migrations import Migrations
from ansible_collections.cairn.hci.plugins.module_utils._resource import run_info


def main() -> None:
    """Entry point."""
    run_info(Migrations, {"timeout": {"type": "int", "default": 30}})


if __name__ == "__main__":
    main()
