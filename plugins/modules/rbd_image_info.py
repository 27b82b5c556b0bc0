#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module rbd_image_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rbd_image_info
short_description: Read RBD images
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Returns the images of a pool, with their snapshots, clones and the clients that have them open.
extends_documentation_fragment:
  - cairn.hci._attributes.info
  - cairn.hci._ceph
options:
  name:
    description: The names of the images; by default all.
    type: list
    elements: str
  pool:
    description: The pool of the images.
    type: str
    default: vms
requirements:
  - python3-rbd (on the node)
seealso:
  - module: cairn.hci.rbd_image
"""

EXAMPLES = r"""
- name: See who uses a disk
  cairn.hci.rbd_image_info:
    name: web1.disk0
  register: disk
"""

RETURN = r"""
images:
  description: Each image, sizes in bytes, as M(cairn.hci.rbd_image) returns it, with the clones of each snapshot.
  returned: success
  type: list
  elements: dict
  sample:
    - pool: vms
      name: base.debian-13
      size: 3221225472
      parent: null
      features: [deep-flatten, exclusive-lock, fast-diff, layering, object-map]
      data_pool: null
      snapshots: [base]
      protected: [base]
      children: {base: [vms/web1.disk0]}
      metadata: {}
      watchers: [{client: client.4127, address: 10.10.0.2, host: node2}]
"""

from ansible_collections.cairn.hci.plugins.module_utils._ceph import CONNECTION
from ansible_collections.cairn.hci.plugins.module_utils._rbd_images import Images
from ansible_collections.cairn.hci.plugins.module_utils._resource import run_info


def main() -> None:
    """Entry point."""
    run_info(Images, {**CONNECTION, "pool": {"type": "str", "default": "vms"}})


if __name__ == "__main__":
    main()
