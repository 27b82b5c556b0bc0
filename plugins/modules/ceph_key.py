#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module ceph_key."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_key
short_description: Clients of a Ceph cluster and what they may do
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Makes keys in the cluster, sets their caps and writes keyrings on the node, for one or many.
  - The secret of a key is never shown, unless it is asked for with O(with_secret); then use C(no_log) on the task.
extends_documentation_fragment:
  - cairn.hci._attributes
  - cairn.hci._ceph
options:
  name: &name
    description: The client with its type, such as V(client.libvirt) or V(mgr.node1).
    type: str
  caps: &caps
    description:
      - What the client may do, by type of daemon. Replaces all caps that it has.
      - Required for a new key. Use C(profile rbd) with a pool for clients of images.
    type: dict
  file: &file
    description: A keyring on the node to write the key to, with mode V(0600).
    type: path
  owner: &owner
    description: The user and group that own O(file).
    type: str
    default: root
  state: &state
    description: Whether the key shall exist. With V(absent), O(file) is removed too.
    type: str
    choices: [present, absent]
    default: present
  ceph_keys:
    description: The keys, each with the options above.
    type: list
    elements: dict
    suboptions:
      name:
        <<: *name
        required: true
      caps: *caps
      file: *file
      owner: *owner
      state: *state
  with_secret:
    description: Whether to return the secrets.
    type: bool
    default: false
seealso:
  - module: cairn.hci.ceph_key_info
"""

EXAMPLES = r"""
- name: A client that may only use images of one pool
  cairn.hci.ceph_key:
    name: client.libvirt
    caps: {mon: profile rbd, osd: profile rbd pool=vms, mgr: profile rbd pool=vms}

- name: Two keys, one with its keyring
  cairn.hci.ceph_key:
    ceph_keys:
      - name: client.backup
        caps: {mon: profile rbd, osd: profile rbd-read-only}
        file: /etc/ceph/ceph.client.backup.keyring
      - {name: client.old, state: absent}
"""

RETURN = r"""
ceph_keys:
  description: Each key with its caps, the keyring where it is as asked for, and C(secret) with O(with_secret).
  returned: success
  type: list
  elements: dict
  sample:
    - {name: client.libvirt, caps: {mon: profile rbd, osd: profile rbd pool=vms}, file: null}
"""

from ansible_collections.cairn.hci.plugins.module_utils._ceph import CONNECTION
from ansible_collections.cairn.hci.plugins.module_utils._ceph_keys import CephKey
from ansible_collections.cairn.hci.plugins.module_utils._resource import run

OPTIONS = {
    "name": {"type": "str", "required": True},
    "caps": {"type": "dict"},
    "file": {"type": "path"},
    "owner": {"type": "str", "default": "root"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def main() -> None:
    """Entry point."""
    run(CephKey, OPTIONS, {**CONNECTION, "with_secret": {"type": "bool", "default": False, "no_log": False}})


if __name__ == "__main__":
    main()
