#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module image_file_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: image_file_info
short_description: Tell what disk images in files of a node are
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Tells size and format of disk images, and whether a guest has them open.
extends_documentation_fragment: cairn.hci._attributes.info
options:
  path:
    description: The absolute paths of the images.
    type: list
    elements: str
    required: true
seealso:
  - module: cairn.hci.image_file
"""

EXAMPLES = r"""
- name: How large is the disk of the storage VM?
  cairn.hci.image_file_info:
    path: /var/lib/libvirt/images/store1.qcow2
"""

RETURN = r"""
images:
  description: The images that exist.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: The absolute path.
      returned: always
      type: str
    size:
      description: The size that a guest sees, with its unit.
      returned: always
      type: str
    kind:
      description: The format, such as V(qcow2).
      returned: always
      type: str
    in_use:
      description: Whether a guest that runs has it open.
      returned: always
      type: bool
  sample:
    - {path: /var/lib/libvirt/images/store1.qcow2, size: 10GiB, kind: qcow2, in_use: true}
"""

from ansible_collections.cairn.hci.plugins.module_utils._image_files import ImageFiles
from ansible_collections.cairn.hci.plugins.module_utils._resource import run_info


def main() -> None:
    """Entry point."""
    run_info(ImageFiles, required=True)


if __name__ == "__main__":
    main()
