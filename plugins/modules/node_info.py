#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module node_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_info
short_description: What a server is and has
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Tells in one call what the roles need to know of a server, before anything is installed on it.
  - Needs nothing but Python and what every Debian server has.
  - Where Ceph's monitors just vote, it waits for the result, at most 10 seconds.
  - An action plugin of the same name runs it and measures the difference of the clocks over the open connection.
extends_documentation_fragment: cairn.hci._attributes.info
options:
  packages:
    description: Debian packages that are needed. Those that are missing are returned in RV(node.missing_packages).
    type: list
    elements: str
    default: []
  release_packages:
    description: Further packages by the code name of the Debian release.
    type: dict
    default: {}
  repositories:
    description:
      - Package sources that are going to be added, each with C(uris) and C(suites) as in a C(.sources) file of apt.
      - They are tried with the server's own, only when a package is missing.
    type: list
    elements: dict
    default: []
  osd_devices:
    description:
      - Paths and patterns of devices, as O(cairn.hci.ceph_osd#module:device) takes them.
      - What each of them is and holds is returned in C(osd_devices).
    type: list
    elements: str
    default: []
  osd_db_devices:
    description: The same for devices that are meant for databases of OSDs; returned in C(osd_db_devices).
    type: list
    elements: str
    default: []
  urls:
    description: Addresses that the server shall be able to fetch. Their first byte is asked for.
    type: list
    elements: str
    default: []
  bmc:
    description:
      - The BMC of another server. Whether it answers and takes the password is returned in C(ha.bmc).
      - Ask a server for that of another one, as many BMCs can't be reached from their own server.
    type: dict
    suboptions:
      name: {description: The server that the BMC belongs to., type: str, required: true}
      type: {description: What it speaks., type: str, choices: [ipmi, redfish], default: ipmi}
      address: {description: Its address., type: str, required: true}
      port: {description: "Its port. The default is 623 for IPMI, 443 for Redfish.", type: int}
      user: {description: Who logs in., type: str, required: true}
      password: {description: With which password., type: str, required: true}
      verify: {description: Whether its certificate must be trusted., type: bool, default: false}
  images:
    description: Whether to return the size of every RBD image, where the server can ask its Ceph cluster.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Look at a server
  cairn.hci.node_info:
  register: server

- name: See which packages it lacks
  cairn.hci.node_info:
    packages: [chrony, python3-libvirt]
    release_packages: {trixie: [ceph-volume]}
  register: server
"""

RETURN = r"""
node:
  description:
    - What the server is and has. Sizes are in bytes.
    - C(domain_type) says how it can run guests, V(kvm) or V(qemu). C(vlan_filtering) is null where that can't be known.
    - C(boot) has the processor's vendor, the options of the kernel now and at the next boot, and whether there is GRUB.
    - C(pci_devices) are as M(cairn.hci.pci_device_info) returns them.
    - C(osd_error) says why O(osd_devices) or O(osd_db_devices) can't be right. C(images) is null unless asked for.
    - C(unreachable_sources) is empty unless packages are missing.
    - C(unreachable_urls) says for each of O(urls) that can't be fetched why.
    - C(clock_offset) is the server's clock less the controller's in seconds. C(clock_error) tells how sure that is.
  returned: success
  type: dict
  contains:
    missing_packages:
      description: What is not installed of O(packages) and O(release_packages).
      returned: always
      type: list
      elements: str
    packages_interrupted:
      description: Whether an installation of packages was cut short, or is under way.
      returned: always
      type: bool
  sample:
    hostname: node1
    distribution: debian
    distribution_name: Debian GNU/Linux 13 (trixie)
    version: "13"
    release: trixie
    kernel: 6.12.48+deb13-amd64
    boot_id: 0b8f6a52-3c1d-4c8e-9a07-5d0f2f4d7e11
    architecture: x86_64
    container: false
    user: 0
    cpus: 16
    boot: {vendor: GenuineIntel, options: [ro, quiet], next_options: [ro, quiet, intel_iommu=on], grub: true}
    memory: 67420618752
    domain_type: kvm
    name_servers: [192.0.2.1]
    interfaces:
      - name: eno1
        kind: ether
        mac: 52:54:00:12:34:56
        mtu: 1500
        max_mtu: 9216
        up: true
        carrier: true
        master: null
        vlan_aware: false
        addresses: [192.0.2.11/24]
    bridges: []
    routes:
      - {to: default, via: 192.0.2.1, interface: eno1, metric: 0}
    vlan_filtering: true
    disks:
      - path: /dev/nvme0n1
        links: [/dev/disk/by-id/nvme-example_0001]
        type: nvme
        size: 960197124096
        read_only: false
        model: EXAMPLE
        serial: "0001"
        signature: null
        partitions: []
        holders: []
        mounts: []
    pci_devices: []
    ceph:
      fsid: null
      ours: false
      monitors: []
      mon_store: null
      mon_running: false
      mon_fsid: null
      mon_state: null
      mon_names: []
      osds: []
      device_mapper: true
    osd_devices: []
    osd_db_devices: []
    osd_error: null
    images: null
    libvirt_version: 11.3.0
    libvirt_error: null
    domains:
      - {name: web1, uuid: 6b4e1c1e-3b0c-5d3e-8a43-111111111111, memory: 2147483648, vcpus: 2, active: true}
    ha:
      nodes: {node1: 1, node2: 2, node3: 3}
      running: true
      watchdogs: [/dev/watchdog0]
      bmc: {name: node2, error: null, cipher: 17}
    missing_packages: []
    packages_interrupted: false
    unreachable_sources: []
    unreachable_urls: {}
    clock: 1763683200.25
    clock_offset: 0.002
    clock_error: 0.01
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cairn.hci.plugins.module_utils import (
    _block_device,
    _bmc,
    _ceph_node,
    _node,
    _node_disks,
    _node_engines,
    _node_ha,
    _node_network,
    _node_pci,
    _node_sources,
)
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, ResourceError

BMC: Object = {
    "name": {"type": "str", "required": True},
    "type": {"type": "str", "choices": ["ipmi", "redfish"], "default": "ipmi"},
    "address": {"type": "str", "required": True},
    "port": {"type": "int"},
    "user": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "verify": {"type": "bool", "default": False},
}


# Of packages that exclude each other, a node has one kind: a member of the cluster or a remote node.
INSTEAD = {"pacemaker": ("pacemaker-remote",), "pacemaker-remote": ("corosync", "pacemaker")}


def packages(params: Object, release: str) -> Object:
    """What is missing, and whether it could be fetched."""
    needed = params["packages"] + params["release_packages"].get(release, [])
    installed = _node.installed_packages()
    instead = {name for there, others in INSTEAD.items() if there in installed for name in others}
    missing = sorted({name for name in needed if name not in installed | instead})
    interrupted = {"packages_interrupted": _node.packages_interrupted()}
    if not missing:
        return {"missing_packages": [], "unreachable_sources": [], **interrupted}
    sources = _node_sources.configured()
    for extra in params["repositories"]:
        sources += _node_sources.of_options(extra)
    return {"missing_packages": missing, "unreachable_sources": _node_sources.unreachable(sources), **interrupted}


def osd_devices(params: Object, pci_devices: list[Object]) -> Object:
    """What the devices are that are meant for OSDs and for their databases.

    A disk that is kept for a guest is none of them, and no mistake, unless another one has its name by now.
    """
    away = {name for one in pci_devices for disk in one["kept_disks"] for name in disk["aliases"]}
    try:
        fast = _block_device.names(params["osd_db_devices"], "ceph_osd_db_devices")
        data = _block_device.names(
            [one for one in params["osd_devices"] if one not in away or _block_device.kernel_name(one)]
        )
        return {
            "osd_devices": [_block_device.inspect(path) for kernel, path in data.items() if kernel not in fast],
            "osd_db_devices": [_block_device.inspect(path) for path in fast.values()],
            "osd_error": None,
        }
    except ResourceError as error:
        return {"osd_devices": [], "osd_db_devices": [], "osd_error": str(error)}


def facts(params: Object) -> Object:
    """Everything about the node."""
    system = _node.system()
    network = _node_network.read()
    if network["vlan_filtering"] is None:
        network["vlan_filtering"] = _node.vlan_filtering()
    # A container sees those of its host, and has none.
    pci_devices = [] if system["container"] else _node_pci.report(network["interfaces"])
    return {
        **system,
        **_node.processor(),
        "boot": _node.boot(),
        "memory": _node.memory(),
        "name_servers": _node.name_servers(),
        **network,
        "disks": _node_disks.read(),
        "pci_devices": pci_devices,
        "ceph": _ceph_node.report(),
        **osd_devices(params, pci_devices),
        "images": _node_engines.images() if params["images"] else None,
        **_node_engines.libvirt(),
        "ha": ha(params["bmc"]),
        **packages(params, system["release"]),
        "unreachable_urls": _node_sources.unreachable_urls(params["urls"]),
    }


def ha(bmc: Object | None) -> Object:
    """High availability: what is there, and what is wrong with the BMC of another node."""
    report = _node_ha.report()
    if bmc is None:
        return report | {"bmc": None}
    port = bmc["port"] or {"ipmi": 623, "redfish": 443}[bmc["type"]]
    return report | {"bmc": {"name": bmc["name"], **_bmc.check(bmc | {"port": port})}}


def main() -> None:
    """Entry point."""
    clock = time.time()
    module = AnsibleModule(
        argument_spec={
            "packages": {"type": "list", "elements": "str", "default": []},
            "release_packages": {"type": "dict", "default": {}},
            "repositories": {"type": "list", "elements": "dict", "default": []},
            "osd_devices": {"type": "list", "elements": "str", "default": []},
            "osd_db_devices": {"type": "list", "elements": "str", "default": []},
            "urls": {"type": "list", "elements": "str", "default": []},
            "bmc": {"type": "dict", "options": BMC},
            "images": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    module.exit_json(changed=False, node={**facts(module.params), "clock": clock})


if __name__ == "__main__":
    main()
