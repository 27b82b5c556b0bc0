#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module cloud_init_seed_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cloud_init_seed_info
short_description: Read which cloud-init seeds there are
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Returns the seeds that M(cairn.hci.cloud_init_seed) wrote, with the digests of what they hold.
extends_documentation_fragment: [cairn.hci._attributes.info, cairn.hci._ceph]
options:
  name:
    description: The seeds to return, by default all of O(pool).
    type: list
    elements: str
  pool:
    description: The pool of the RBD images.
    type: str
  file:
    description: The file, instead of O(pool); give its O(name) too.
    type: path
requirements:
  - python3-rbd (on the node, for RBD images)
seealso:
  - module: cairn.hci.cloud_init_seed
"""

EXAMPLES = r"""
- name: All seeds
  cairn.hci.cloud_init_seed_info:
    pool: vms
"""

RETURN = r"""
seeds:
  description: Each seed with its name, pool or file, and digest; that is empty for one that was not fully written.
  returned: success
  type: list
  elements: dict
  sample:
    - name: web1.seed
      pool: vms
      sha256: f21a69af030428d695522e592143d6e7c844cfc6b98022102e48f5266f2651e4
"""

from ansible_collections.cairn.hci.plugins.module_utils._ceph import CONNECTION
from ansible_collections.cairn.hci.plugins.module_utils._resource import run_info
from ansible_collections.cairn.hci.plugins.module_utils._seeds import Seeds


def main() -> None:
    """Entry point."""
    run_info(Seeds, {**CONNECTION, "pool": {"type": "str"}, "file": {"type": "path"}})


if __name__ == "__main__":
    main()
