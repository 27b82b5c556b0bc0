#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module domain."""

from __future__ import annotations

DOCUMENTATION = r"""
module: domain
short_description: Define libvirt domains, change them live, start and stop them
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Keeps any number of virtual machines (libvirt domains) as the options say, with one task and one connection.
  - An option that is left out is left alone. A new domain gets the default that the option names.
  - The persistent configuration always gets what is asked for. The running domain gets it at once where libvirt can do
    that, which is memory, vcpus, disks and NICs that come and go, a disk that grew, io limits, bridge, network, VLAN
    and link of a NIC, title and description. Everything else is returned in RV(domains[].restart_fields), in this and
    in every later run, until the domain has been restarted; see O(restart).
  - What a domain's XML has beyond these options is kept. Names can't be changed.
  - Disks are given, never created or deleted; see M(cairn.hci.rbd_image). A domain that is removed leaves its disks,
    and the state of a virtual TPM, behind. Its NVRAM, its saved state and its snapshots' metadata go with it.
extends_documentation_fragment: [cairn.hci._attributes, cairn.hci._libvirt, cairn.hci._domain]
seealso:
  - module: cairn.hci.domain_info
  - module: cairn.hci.rbd_image
  - module: cairn.hci.cloud_init_seed
"""

EXAMPLES = r"""
- name: Run two machines
  cairn.hci.domain:
    ceph_secret_uuid: "{{ ceph_secret_uuid }}"
    domains:
      - name: web1
        vcpus: 2
        memory: 2GiB
        disks: [{name: root, pool: vms, image: web1.root}]
        nics: [{name: lan, bridge: lan, vlan: 20}]
        cloud_init: {pool: vms, image: web1.seed}
        power: running
      - name: db1
        memory: 8GiB
        firmware: uefi
        disks:
          - {name: root, pool: vms, image: db1.root}
          - {name: data, pool: vms, image: db1.data, iops: 2000, bandwidth: 200MiB}
        nics: [{name: lan, bridge: lan}]
        power: running

- name: Change what needs a restart too
  cairn.hci.domain:
    name: db1
    cpu_model: EPYC-Milan
    restart: allowed

- name: Shut a machine down, and remove it from the node
  cairn.hci.domain:
    name: web1
    state: absent
    shutdown_timeout: 60
"""

RETURN = r"""
domains:
  description: Each domain as it is, in the spelling of the options.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The domain's name; all other options that describe it follow in the same way.
      type: str
      returned: always
      sample: web1
    changed:
      description: Whether anything was changed.
      type: bool
      returned: always
    power:
      description: V(running), V(stopped), V(paused), V(crashed) or V(suspended).
      type: str
      returned: when it exists
    restart_required:
      description: That the running domain still differs from its configuration.
      type: bool
      returned: when it does
    restart_fields:
      description: In which fields.
      type: list
      elements: str
      returned: when it does
      sample: [cpu_model, disks.data.cache]
"""

from ansible_collections.cairn.hci.plugins.module_utils._domain_spec import AUTOSTART, DOMAIN, STORAGE
from ansible_collections.cairn.hci.plugins.module_utils._domains import Domains
from ansible_collections.cairn.hci.plugins.module_utils._libvirt import CONNECTION
from ansible_collections.cairn.hci.plugins.module_utils._resource import run

OPTIONS = DOMAIN | AUTOSTART


def main() -> None:
    """Entry point."""
    run(Domains, OPTIONS, CONNECTION | STORAGE)


if __name__ == "__main__":
    main()
