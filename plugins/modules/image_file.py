#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module image_file."""

from __future__ import annotations

DOCUMENTATION = r"""
module: image_file
short_description: Make, grow and remove disk images in files of a node
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Makes qcow2 files, empty ones or from an image, for virtual machines that must not depend on the cluster's storage.
    M(cairn.hci.rbd_image) is for all others.
  - An image gets its name only when it is whole and verified. It is never made anew, never shrunk, and not touched
    while a guest that runs has it open.
extends_documentation_fragment: cairn.hci._attributes
options:
  path: &path
    description: The absolute path of the image. It is readable by root only; libvirt hands it to the guest.
    type: path
  size: &size
    description:
      - The size with its unit, such as V(20GiB); all units are powers of 1024.
      - By default that of O(source). An existing image that is smaller is grown, a larger one refused.
    type: str
  source: &source
    description:
      - Make the image from this file, an absolute path on the node or an C(http://) or C(https://) URL. A URL needs a
        O(checksum).
      - An image that exists is not compared with it.
    type: str
  checksum: &checksum
    description: The checksum of O(source), C(sha256:) or C(sha512:) and its hexadecimal digits.
    type: str
  format: &format
    description: The format of O(source); V(auto) tells it by the file's first bytes.
    type: str
    choices: [auto, raw, qcow2]
    default: auto
  state: &state
    description: Whether the image shall exist.
    type: str
    choices: [present, absent]
    default: present
  images:
    description: The images, each with the options above.
    type: list
    elements: dict
    suboptions:
      path:
        <<: *path
        required: true
      size: *size
      source: *source
      checksum: *checksum
      format: *format
      state: *state
  tmp_dir:
    description: Where a URL is fetched to.
    type: path
    default: /var/tmp
  import_timeout:
    description: Seconds that fetching and converting one image may take.
    type: int
    default: 3600
requirements:
  - qemu-utils (on the node)
seealso:
  - module: cairn.hci.image_file_info
  - module: cairn.hci.rbd_image
  - module: cairn.hci.domain
"""

EXAMPLES = r"""
- name: Make the disk of a storage VM
  cairn.hci.image_file:
    path: /var/lib/libvirt/images/store1.qcow2
    source: /var/tmp/debian-13-genericcloud-amd64.qcow2
    size: 10GiB
"""

RETURN = r"""
images:
  description: Each image as M(cairn.hci.image_file_info) shows it, and whether it was changed.
  returned: success
  type: list
  elements: dict
  sample:
    - path: /var/lib/libvirt/images/store1.qcow2
      size: 10GiB
      kind: qcow2
      in_use: false
      state: present
      changed: true
"""

from ansible_collections.cairn.hci.plugins.module_utils._image_files import ImageFiles
from ansible_collections.cairn.hci.plugins.module_utils._resource import run

OPTIONS = {
    "path": {"type": "path", "required": True},
    "size": {"type": "str"},
    "source": {"type": "str"},
    "checksum": {"type": "str"},
    "format": {"type": "str", "choices": ["auto", "raw", "qcow2"], "default": "auto"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
COMMON = {
    "tmp_dir": {"type": "path", "default": "/var/tmp"},
    "import_timeout": {"type": "int", "default": 3600},
}


def main() -> None:
    """Entry point."""
    run(ImageFiles, OPTIONS, COMMON)


if __name__ == "__main__":
    main()
