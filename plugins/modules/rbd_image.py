#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module rbd_image."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rbd_image
short_description: Make, clone, import, grow and remove RBD images
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Manages the block device images of a Ceph cluster, one or thousands in one call.
  - An image is made empty (O(size)), as a clone of a protected snapshot (O(clone_of)), or from a file (O(source)).
  - An image that is in use is neither removed nor shrunk; a snapshot with clones is neither removed nor unprotected.
  - An import becomes visible only when it is whole and verified. One that was interrupted is recognised and done again;
    one that another run has under way is waited for.
extends_documentation_fragment:
  - cairn.hci._attributes
  - cairn.hci._ceph
options:
  name: &name
    description: The name of the image. An image is identified by its pool and its name.
    type: str
  pool: &pool
    description: The pool of the image.
    type: str
    default: vms
  size: &size
    description:
      - The size with its unit, such as V(20GiB); all units are powers of 1024.
      - By default a clone or an imported image is as large as what it is made from; a larger size grows it.
      - An existing image is grown when it is smaller, while it is in use too. Shrinking is refused.
    type: str
  clone_of: &clone_of
    description:
      - Make the image as a clone of this protected snapshot, written C(image@snapshot), in the pool of the image, or
        C(pool/image@snapshot).
      - An existing image that is a clone of another snapshot is refused. Which one it was is kept in the metadata
        C(cairn.clone_of), so that a flattened image is recognised.
    type: str
  source: &source
    description:
      - Make the image from this file, an absolute path on the node or an C(http://) or C(https://) URL.
      - A URL needs a O(checksum). It is fetched to O(tmp_dir).
      - A qcow2 image needs the packages qemu-utils and qemu-block-extra on the node, and must not refer to other files.
    type: str
  checksum: &checksum
    description:
      - The checksum of O(source), C(sha256:) or C(sha512:) and its hexadecimal digits.
      - It is kept in the metadata C(cairn.source_checksum). An existing image that was made from a source with another
        checksum is refused.
    type: str
  format: &format
    description: The format of O(source); V(auto) tells it by the file's first bytes.
    type: str
    choices: [auto, raw, qcow2]
    default: auto
  snapshots: &snapshots
    description: Names of snapshots that shall exist. Others are left alone.
    type: list
    elements: str
  protected: &protected
    description:
      - Names of snapshots that shall exist and be protected, as a snapshot must be to be cloned.
      - When given, those of O(snapshots) that are not named here are unprotected.
    type: list
    elements: str
  snapshots_absent: &snapshots_absent
    description: Names of snapshots that shall not exist.
    type: list
    elements: str
  flatten: &flatten
    description: With V(true), a clone gets its own copy of all data, so that it needs its parent no more.
    type: bool
    default: false
  features: &features
    description: The features of the image, all of them. By default those that the cluster gives to a new image.
    type: list
    elements: str
    choices: [layering, exclusive-lock, object-map, fast-diff, deep-flatten, journaling]
  data_pool: &data_pool
    description: The pool for the data, such as an erasure-coded one; O(pool) then holds only the image's header.
    type: str
  metadata: &metadata
    description: Metadata to set. A key with the value V(null) is removed, a key that is not named is left alone.
    type: dict
  trash: &trash
    description:
      - Whether an image that shall be absent is moved to the trash.
      - With V(false) it is deleted for good, with its snapshots.
    type: bool
    default: true
  trash_delay: &trash_delay
    description: Seconds for which an image that is moved to the trash can't be deleted from it.
    type: int
    default: 0
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
      name:
        <<: *name
        required: true
      pool: *pool
      size: *size
      clone_of: *clone_of
      source: *source
      checksum: *checksum
      format: *format
      snapshots: *snapshots
      protected: *protected
      snapshots_absent: *snapshots_absent
      flatten: *flatten
      features: *features
      data_pool: *data_pool
      metadata: *metadata
      trash: *trash
      trash_delay: *trash_delay
      state: *state
  tmp_dir:
    description: The directory on the node to which a URL is fetched.
    type: path
    default: /var/tmp
  import_timeout:
    description: Seconds that fetching and importing one source may take.
    type: int
    default: 3600
requirements:
  - python3-rbd (on the node)
seealso:
  - module: cairn.hci.rbd_image_info
"""

EXAMPLES = r"""
- name: Import an image and make it the parent of clones
  cairn.hci.rbd_image:
    name: base.debian-13
    source: /var/tmp/debian-13-generic-amd64.qcow2
    checksum: "sha512:{{ debian_13_sha512 }}"
    protected: [base]

- name: Make the disks of two virtual machines
  cairn.hci.rbd_image:
    images:
      - {name: web1.disk0, clone_of: base.debian-13@base, size: 20GiB}
      - {name: web2.disk0, clone_of: base.debian-13@base, size: 20GiB}
      - {name: web2.disk1, size: 100GiB, data_pool: ec}

- name: Move a disk to the trash, where it stays for at least a week
  cairn.hci.rbd_image:
    name: web1.disk0
    state: absent
    trash_delay: 604800
"""

RETURN = r"""
images:
  description:
    - Each image as it is now, sizes in bytes.
    - Where they mattered, C(watchers) are the clients that have it open, and C(children) the clones of snapshots.
    - An image whose making was cut short has C(unfinished).
  returned: success
  type: list
  elements: dict
  sample:
    - pool: vms
      name: web1.disk0
      size: 21474836480
      parent: vms/base.debian-13@base
      features: [deep-flatten, exclusive-lock, fast-diff, layering, object-map]
      data_pool: null
      snapshots: []
      protected: []
      metadata: {cairn.clone_of: vms/base.debian-13@base}
      state: present
      changed: true
"""

from ansible_collections.cairn.hci.plugins.module_utils._ceph import CONNECTION
from ansible_collections.cairn.hci.plugins.module_utils._rbd import FEATURES
from ansible_collections.cairn.hci.plugins.module_utils._rbd_images import Images
from ansible_collections.cairn.hci.plugins.module_utils._resource import run

OPTIONS = {
    "name": {"type": "str", "required": True},
    "pool": {"type": "str", "default": "vms"},
    "size": {"type": "str"},
    "clone_of": {"type": "str"},
    "source": {"type": "str"},
    "checksum": {"type": "str"},
    "format": {"type": "str", "choices": ["auto", "raw", "qcow2"], "default": "auto"},
    "snapshots": {"type": "list", "elements": "str"},
    "protected": {"type": "list", "elements": "str"},
    "snapshots_absent": {"type": "list", "elements": "str"},
    "flatten": {"type": "bool", "default": False},
    "features": {"type": "list", "elements": "str", "choices": list(FEATURES)},
    "data_pool": {"type": "str"},
    "metadata": {"type": "dict"},
    "trash": {"type": "bool", "default": True},
    "trash_delay": {"type": "int", "default": 0},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def main() -> None:
    """Entry point."""
    common = {
        **CONNECTION,
        "tmp_dir": {"type": "path", "default": "/var/tmp"},
        "import_timeout": {"type": "int", "default": 3600},
    }
    run(Images, OPTIONS, common)


if __name__ == "__main__":
    main()
