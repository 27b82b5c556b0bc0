#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module cloud_init_seed."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cloud_init_seed
short_description: Write cloud-init seeds for virtual machines
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Writes what a virtual machine's cloud-init reads at its first boot (data source NoCloud) to a file system called
    C(cidata), in an RBD image or a file. Give that to the machine with the option C(cloud_init) of M(cairn.hci.domain).
  - Seeds are compared by a digest of their documents. It is kept in the image's metadata (C(cairn.sha256)) and in the
    file system itself. The documents are neither returned nor shown in a diff, as they may hold password hashes.
  - Cloud-init reads the seed at every boot, but does most of its work once for each instance-id. A changed seed is
    therefore written, and has no effect on a machine that exists, until O(meta_data) has another C(instance-id) and the
    machine boots; cloud-init then treats it as new (it makes new SSH host keys, among others).
  - Documents are written as JSON, which is YAML, so that the node needs no YAML library.
extends_documentation_fragment: [cairn.hci._attributes, cairn.hci._ceph]
options:
  name: &name
    description: The seed's name; with O(pool), that of the RBD image.
    type: str
  pool: &pool
    description: The pool of the RBD image.
    type: str
  file: &file
    description: A file on the node, instead of O(pool). It is readable by root only; libvirt hands it to the guest.
    type: path
  user_data: &user_data
    description: The cloud-config, see U(https://cloudinit.readthedocs.io/en/latest/reference/modules.html).
    type: dict
  meta_data: &meta_data
    description:
      - The meta-data. Without C(instance-id), that is derived from O(name), and so stays when other things change.
    type: dict
  network_config: &network_config
    description: The network configuration, version 1 or 2. Without it, cloud-init uses DHCP.
    type: dict
  state: &state
    description: Whether it shall exist. An RBD image that shall not is moved to the trash.
    type: str
    choices: [present, absent]
    default: present
  seeds:
    description: The seeds, each with the options above.
    type: list
    elements: dict
    suboptions:
      name:
        <<: *name
        required: true
      pool: *pool
      file: *file
      user_data: *user_data
      meta_data: *meta_data
      network_config: *network_config
      state: *state
requirements:
  - python3-pycdlib (on the node)
  - python3-rbd (on the node, for RBD images)
seealso:
  - module: cairn.hci.cloud_init_seed_info
  - module: cairn.hci.domain
"""

EXAMPLES = r"""
- name: Write a seed
  cairn.hci.cloud_init_seed:
    name: web1.seed
    pool: vms
    user_data:
      hostname: web1
      users: [{name: admin, ssh_authorized_keys: ["{{ lookup('file', '~/.ssh/id_ed25519.pub') }}"]}]
    network_config:
      version: 2
      ethernets: {lan: {match: {macaddress: "52:54:00:f6:49:df"}, addresses: [192.0.2.21/24]}}

- name: Write one to a file
  cairn.hci.cloud_init_seed:
    name: web2
    file: /var/lib/libvirt/images/web2.seed.iso
    user_data: {hostname: web2}
"""

RETURN = r"""
seeds:
  description: Each seed with its name, pool or file, digest, and whether it was changed.
  returned: success
  type: list
  elements: dict
  sample:
    - name: web1.seed
      pool: vms
      sha256: f21a69af030428d695522e592143d6e7c844cfc6b98022102e48f5266f2651e4
      state: present
      changed: true
"""

from ansible_collections.cairn.hci.plugins.module_utils._ceph import CONNECTION
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, run
from ansible_collections.cairn.hci.plugins.module_utils._seeds import Seeds

OPTIONS: Object = {
    "name": {"type": "str", "required": True},
    "pool": {"type": "str"},
    "file": {"type": "path"},
    "user_data": {"type": "dict"},
    "meta_data": {"type": "dict"},
    "network_config": {"type": "dict"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def main() -> None:
    """Entry point. With no_log the options, which may hold password hashes, are kept out of the system's log."""
    run(Seeds, OPTIONS, CONNECTION, no_log=True)


if __name__ == "__main__":
    main()
