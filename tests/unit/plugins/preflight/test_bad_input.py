"""Every kind of bad input is answered with one sentence that names host, variable and remedy."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Change = Callable[[Any], None]
OTHER = "11111111-1111-4111-8111-111111111111"


FAST: dict[str, Any] = {"path": "/dev/fast", "kernel": "fast", "aliases": ["/dev/fast"], "size": 2**30, "type": "nvme"}
FAST |= {"partitions": [], "holders": [], "mounts": [], "busy": False, "label": None, "lvm": None, "signatures": []}


def put(*path: Any) -> Change:
    """Set what the last but one key of a path leads to."""
    *way, last, value = path

    def change(world: Any) -> None:
        place = getattr(world, way[0])
        for key in way[1:]:
            place = place[key]
        place[last] = value

    return change


def both(*changes: Change) -> Change:
    """Several changes at once."""

    def change(world: Any) -> None:
        for one in changes:
            one(world)

    return change


def add(group: str, name: str, **variables: Any) -> Change:
    """A further host."""

    def change(world: Any) -> None:
        world.groups[group].append(name)
        world.hosts[name] = variables
        if group == "nodes":
            world.facts[name] = copy.deepcopy(world.facts["node1"]) | {"interfaces": []}

    return change


def keep(group: str, *names: str) -> Change:
    """Only these hosts."""
    return put("groups", group, list(names))


def disk(**changes: Any) -> Change:
    """What the one disk of node2 is."""

    def change(world: Any) -> None:
        world.facts["node2"]["osd_devices"][0] |= changes

    return change


def osd(fsid: str) -> dict[str, Any]:
    """The label of an OSD."""
    return {"ceph_fsid": fsid, "osd_uuid": OTHER, "id": 7, "ready": True}


WEB = ("hosts", "web1")
DISK2 = "/dev/disk/by-id/nvme-disk2"
CASES = {
    # Names of variables.
    "misspelt": (put(*WEB, "vm_memroy", "2GiB"), "web1: vm_memroy is unknown; did you mean vm_memory?"),
    "misspelt prefix": (
        put(*WEB, "vn_memory", "2GiB"),
        "web1: vn_memory is unknown; did you mean vm_memory? Rename it if it is your own.",
    ),
    "availability": (
        put("nodes", "ha_fencings", True),
        "node1, node2, node3: ha_fencings is unknown; did you mean ha_fencing?",
    ),
    "misspelt for a group": (
        put("vms", "vm_pwoer", "running"),
        "web1, db1: vm_pwoer is unknown; did you mean vm_power?",
    ),
    "misspelt on a node": (
        put("nodes", "ceph_monitor", []),
        "node1, node2, node3: ceph_monitor is unknown; did you mean ceph_monitors?",
    ),
    "misspelt in a disk": (
        put(*WEB, "vm_disks", [{"sise": "20GiB", "size": "20GiB"}]),
        "web1: vm_disks[0].sise is unknown; did you mean size?",
    ),
    "misspelt in a nic": (
        put(*WEB, "vm_nics", [{"network": "lan", "vlna": 3}]),
        "web1: vm_nics[0].vlna is unknown; did you mean vlan?",
    ),
    "misspelt in a bridge": (
        put("nodes", "network_bridges", {"lan": {"port": ["eno1"]}}),
        "node1, node2, node3: network_bridges.lan.port is unknown; did you mean ports?",
    ),
    "misspelt in a pool": (
        put("nodes", "ceph_pools", {"vms": {"sizze": 3}}),
        "node1, node2, node3: ceph_pools.vms.sizze is unknown; did you mean size?",
    ),
    "missing": (put(*WEB, "vm_nics", [{}]), "web1: vm_nics[0].network is missing."),
    # Types and values.
    "no unit": (
        put(*WEB, "vm_memory", 2048),
        "web1: vm_memory: '2048' is not a size; write a positive number with a unit, such as 20GiB or 512MiB.",
    ),
    "negative": (
        put(*WEB, "vm_disks", [{"size": "-20GiB"}]),
        "web1: vm_disks[0].size: '-20GiB' is not a size; write a positive number with a unit, such as 20GiB or 512MiB.",
    ),
    "no number": (put(*WEB, "vm_vcpus", "many"), "web1: vm_vcpus is 'many', which is not a whole number."),
    "out of range": (put(*WEB, "vm_vcpus", 0), "web1: vm_vcpus is 0; it must be from 1 to 4096."),
    "no choice": (put(*WEB, "vm_power", "up"), "web1: vm_power is 'up'; choose one of running, stopped, paused."),
    "no list": (
        put("nodes", "ceph_osd_devices", "/dev/sdb"),
        "node1, node2, node3: ceph_osd_devices is '/dev/sdb', which is not a list; write it in "
        "brackets, as [this, that].",
    ),
    "maximum below": (
        put(*WEB, "vm_memory_max", "1GiB"),
        "web1: vm_memory_max 1GiB is less than vm_memory 2GiB; raise it or remove it.",
    ),
    # One of a kind.
    "node and VM of one name": (
        add("vms", "node1", ansible_host="192.0.2.11"),
        "node1: it is in the group nodes and in the group vms; take it out of one.",
    ),
    "two nodes with one address": (
        put("hosts", "node2", "ansible_host", "192.0.2.11"),
        "node1 and node2 have the same address 192.0.2.11; give one of them another.",
    ),
    "two VMs with one address": (
        put("hosts", "db1", "ansible_host", "192.0.2.101"),
        "web1 and db1 have the same address 192.0.2.101; give one of them another.",
    ),
    "a VM with a node's address": (
        put(*WEB, "ansible_host", "192.0.2.12"),
        "node2 and web1 have the same address 192.0.2.12; give one of them another.",
    ),
    "a VM with the gateway's address": (
        put(*WEB, "ansible_host", "192.0.2.1"),
        "the gateway of lan and web1 have the same address 192.0.2.1; give one of them another.",
    ),
    "two storage addresses": (
        put("hosts", "node2", "network_storage_address", "10.10.0.1"),
        "node1 and node2 have the same address 10.10.0.1; give one of them another.",
    ),
    "two VMs with one MAC": (
        both(
            put(*WEB, "vm_nics", [{"network": "lan", "mac": "52:54:00:AA:00:01"}]),
            put("hosts", "db1", "vm_nics", [{"network": "lan", "mac": "52-54-00-aa-00-01"}]),
        ),
        "web1 and db1 have the same MAC address 52:54:00:aa:00:01; give one of them another.",
    ),
    "two nodes with one MAC": (
        put("facts", "node2", "interfaces", 0, "mac", "52:54:00:00:01:01"),
        "node1 and node2 have the same MAC address 52:54:00:00:01:01; give one of them another.",
    ),
    "multicast MAC": (
        put(*WEB, "vm_nics", [{"network": "lan", "mac": "01:00:00:00:00:01"}]),
        "web1: vm_nics[0].mac: '01:00:00:00:00:01' is not the MAC address of one interface; write one such as "
        "52:54:00:12:34:56, or leave it out.",
    ),
    # Addresses and networks.
    "outside the network": (
        put(*WEB, "ansible_host", "198.51.100.5"),
        "web1: vm_nics[0].address: 198.51.100.5 is not a host address of 192.0.2.0/24; choose one of that network.",
    ),
    "wrong prefix": (
        put(*WEB, "vm_nics", [{"network": "lan", "address": "192.0.2.101/16"}]),
        "web1: vm_nics[0].address: 192.0.2.101/16 has another prefix than its network 192.0.2.0/24; "
        "write 192.0.2.101/24.",
    ),
    "no address": (
        put(*WEB, "vm_nics", [{"network": "lan", "address": "192.0.2.300"}]),
        "web1: vm_nics[0].address: '192.0.2.300' is not an address; write one such as 192.0.2.11/24.",
    ),
    "storage address outside": (
        put("hosts", "node2", "network_storage_address", "10.11.0.2"),
        "node2: network_storage_address: 10.11.0.2 is not a host address of 10.10.0.0/24; choose one of that network.",
    ),
    "storage network with host bits": (
        put("nodes", "network_storage", {"interface": "eno2", "cidr": "10.10.0.1/24"}),
        "node1, node2, node3: network_storage.cidr: '10.10.0.1/24' has host bits set; did you mean 10.10.0.0/24?",
    ),
    "storage network too small": (
        put("nodes", "network_storage", {"interface": "eno2", "cidr": "10.10.0.0/30"}),
        "node3: network_storage.cidr: 10.10.0.0/30 has no host address number 3; take a larger network.",
    ),
    "storage on a port": (
        put("nodes", "network_storage", {"interface": "eno1", "cidr": "10.10.0.0/24"}),
        "node1, node2, node3: network_storage.interface eno1 is a port of the bridge lan; name the "
        "bridge in its place.",
    ),
    "no such link": (
        put("nodes", "network_bridges", {"lan": {"ports": ["eth9"]}}),
        "node1, node2, node3: network_bridges.lan.ports: there is no link eth9; the node has eno1, eno2.",
    ),
    "a port of two bridges": (
        put("nodes", "network_bridges", {"lan": {"ports": ["eno1"]}, "dmz": {"ports": ["eno1"]}}),
        "node1, node2, node3: network_bridges: eno1 is a port of lan and of dmz; take it out of one.",
    ),
    "MTU": (
        put("nodes", "network_bridges", {"lan": {"ports": ["eno1"], "mtu": 9500}}),
        "node1, node2, node3: network_bridges.lan.ports: eno1 can't carry an MTU of 9500; its most is 9216, lower mtu.",
    ),
    "MTU of a nic": (
        put(*WEB, "vm_nics", [{"network": "lan", "mtu": 9000}]),
        "web1: vm_nics[0].mtu 9000 is more than lan carries: the most is 1500, by eno1 of node1; lower it, or raise "
        "the mtu of the network.",
    ),
    "no virtualization": (
        both(put("nodes", "libvirt_domain_type", "kvm"), put("facts", "node2", "domain_type", "qemu")),
        "node2: libvirt_domain_type is kvm, and the node has no virtualization (vmx or svm, and /dev/kvm); enable it "
        "in the firmware, or use auto.",
    ),
    "overlay MTU": (
        put("nodes", "network_overlays", {"tenant": {"vni": 5, "mtu": 1500}}),
        "node1, node2, node3: network_overlays.tenant.mtu 1500 does not fit: the storage network carries 1450 bytes "
        "beside VXLAN's 50; lower it, or raise network_storage.mtu.",
    ),
    "no node has the network": (
        put(*WEB, "vm_nics", [{"network": "lna"}]),
        "web1: vm_nics[0].network: no node has lna; did you mean lan?",
    ),
    "the VM's node has not the network": (
        both(
            put("hosts", "node1", "network_bridges", {"lan": {"ports": ["eno1"]}, "dmz": {}}),
            put(*WEB, "vm_nics", [{"network": "dmz", "address": "dhcp"}]),
            put(*WEB, "vm_node", "node2"),
        ),
        "web1: vm_nics[0].network: node2, chosen by vm_node, has no dmz for it; node1 has.",
    ),
    "VLAN on a plain bridge": (
        put(*WEB, "vm_nics", [{"network": "lan", "vlan": 20, "address": "dhcp"}]),
        "web1: vm_nics[0].vlan: lan is not VLAN-aware; set vlan_aware: true for it in network_bridges.",
    ),
    "VLAN on a kernel without": (
        both(
            put("nodes", "network_bridges", {"lan": {"ports": ["eno1"], "vlan_aware": True}}),
            put("facts", "node2", "vlan_filtering", False),
        ),
        "node2: network_bridges.lan.vlan_aware: this kernel's bridges can't filter VLANs; use another kernel.",
    ),
    # Images.
    "unknown image": (
        put(*WEB, "vm_image", "debian-31"),
        "web1: vm_image: debian-31 is not in vm_images; did you mean debian-13?",
    ),
    "URL without checksum": (
        put("vms", "vm_images", {"debian-13": {"url": "https://images.invalid/d.qcow2"}}),
        "vm_images.debian-13: a url needs a checksum; write checksum: sha256:... from the page that offers the image.",
    ),
    "URL that no node can fetch": (
        put(
            *("vms", "vm_images"),
            {"debian-13": {"url": "https://images.invalid/d.qcow2", "checksum": f"sha256:{'0' * 64}"}},
        ),
        "vm_images.debian-13.url: node1 can't fetch https://images.invalid/d.qcow2 (404 Not Found); correct it.",
    ),
    "disk smaller than image": (
        put(*WEB, "vm_disks", [{"size": "512KiB"}]),
        "web1: vm_disks[0].size: 512KiB is less than the 1MiB of the image debian-13; write at least 1MiB.",
    ),
    "no size": (
        put(*WEB, "vm_disks", [{}, {}]),
        "web1: vm_disks[1].size is missing; only a clone of an image takes its size from there.",
    ),
    "unknown pool": (
        put(*WEB, "vm_disks", [{"size": "20GiB", "pool": "vm"}]),
        "web1: vm_disks[0].pool: vm is not in ceph_pools; did you mean vms?",
    ),
    "a pool that is to go": (
        both(
            put("nodes", "ceph_pools", {"vms": {}, "old": {"state": "absent"}}),
            put(*WEB, "vm_disks", [{"size": "20GiB", "pool": "old"}]),
        ),
        "web1: vm_disks[0].pool: old is not in ceph_pools; known are vms.",
    ),
    "a pool with images is to go": (
        both(
            put("nodes", "ceph_pools", {"vms": {"state": "absent"}}),
            put("facts", "node1", "images", {"vms/web1.disk0": 20 * 1024**3}),
        ),
        "ceph_pools.vms: the pool is not empty (web1.disk0); remove its images first, or give force: true to destroy "
        "them.",
    ),
    "the only pool is to go": (
        put("nodes", "ceph_pools", {"vms": {"state": "absent"}}),
        "ceph_pools has no pool for the disks of VMs; add one, such as vms: {}.",
    ),
    "shrink": (
        put("facts", "node1", "images", {"vms/web1.disk0": 30 * 1024**3}),
        "web1: vm_disks[0].size: the disk is 30GiB and is not shrunk to 20GiB, which would cut off "
        "data; write at least 30GiB.",
    ),
    "nobody could log in": (
        put("vms", "vm_ssh_keys", []),
        "web1, db1: vm_ssh_keys is empty and the controller has no ~/.ssh/id_*.pub; nobody could log "
        "in, give a public key.",
    ),
    # Room.
    "larger than any node": (
        put(*WEB, "vm_memory", "64GiB"),
        "web1: vm_memory 64 GiB and vm_vcpus 2 are more than any node has for VMs (at most 26 GiB "
        "and 32 vcpus); make the "
        "VM smaller.",
    ),
    "larger than the cluster": (
        both(
            *(add("vms", f"big{n}", ansible_host=f"192.0.2.{200 + n}", vm_memory="24GiB") for n in range(4)),
        ),
        "All VMs together need 99 GiB of vm_memory, the cluster has 78 GiB for VMs; make VMs smaller or add a node.",
    ),
    "more than its node": (
        both(
            put(*WEB, "vm_node", "node1"),
            put("hosts", "db1", "vm_node", "node1"),
            put("hosts", "db1", "vm_memory", "25GiB"),
        ),
        "web1: node1, by vm_node, has only 1 GiB of memory and 31 vcpus left for its 2 GiB and 2; "
        "make VMs smaller, or stop "
        "it and set vm_node.",
    ),
    "unknown node": (
        put(*WEB, "vm_node", "node4"),
        "web1: vm_node: node4 is no host of the group nodes; did you mean node1?",
    ),
    "runs elsewhere": (
        both(
            put(*WEB, "vm_node", "node1"),
            put(
                "facts",
                "node2",
                "domains",
                [{"name": "web1", "uuid": OTHER, "memory": 2**31, "vcpus": 2, "active": True}],
            ),
        ),
        "web1: it runs on node2, and vm_node is node1; stop it there first, then it moves.",
    ),
    # Disks of the nodes.
    "mounted": (
        disk(mounts=["/srv"]),
        f"node2: {DISK2} is mounted on /srv; unmount it, or take it out of ceph_osd_devices.",
    ),
    "partitions": (
        disk(partitions=["nvme0n1p1"]),
        f"node2: {DISK2} has partitions (nvme0n1p1); name it in ceph_osd_wipe if that may be lost.",
    ),
    "another cluster's": (
        disk(label=osd(OTHER)),
        f"node2: {DISK2} holds osd.7 of another Ceph cluster ({OTHER}); name it in ceph_osd_wipe if that may be lost.",
    ),
    "no such disk": (
        put("facts", "node2", "osd_devices", []),
        "node2: ceph_osd_devices: no disk matches /dev/disk/by-id/nvme-*; correct it.",
    ),
    "no device-mapper": (
        both(
            put("nodes", "ceph_osd_encrypted", True),
            put("facts", "node2", "ceph", "device_mapper", False),
        ),
        "node2: ceph_osd_encrypted needs device-mapper, which this node's kernel has not; use another kernel, or "
        "unset it.",
    ),
    "no such disk for databases": (
        put("hosts", "node2", "ceph_osd_db_devices", ["/dev/disk/by-id/nvme-FAST*"]),
        "node2: ceph_osd_db_devices: no disk matches /dev/disk/by-id/nvme-FAST*; correct it.",
    ),
    "databases too large": (
        both(
            put("hosts", "node2", "ceph_osd_db_devices", [DISK2]),
            put("hosts", "node2", "ceph_osd_db_size", "1TiB"),
            put("facts", "node2", "osd_db_devices", [FAST]),
        ),
        "node2: ceph_osd_db_devices (/dev/fast) have 1020MiB free in one piece, and each of 1 new OSDs needs 1TiB for "
        "its db; add a device, or set a smaller ceph_osd_db_size.",
    ),
    "databases on a used disk": (
        both(
            put("hosts", "node2", "ceph_osd_db_devices", [DISK2]),
            put("facts", "node2", "osd_db_devices", [FAST | {"mounts": ["/srv"]}]),
        ),
        "node2: /dev/fast is mounted on /srv; unmount it, or take it out of ceph_osd_db_devices.",
    ),
    "no size of databases": (
        put("nodes", "ceph_osd_db_size", "60"),
        "node1, node2, node3: ceph_osd_db_size: '60' is not a size; write a positive number with a unit, such as 20GiB "
        "or 512MiB.",
    ),
    "no OSDs per device": (
        put("nodes", "ceph_osds_per_device", 0),
        "node1, node2, node3: ceph_osds_per_device is 0; it must be from 1 to 32.",
    ),
    "too few replicas": (
        put("nodes", "ceph_pools", {"vms": {"size": 4}}),
        "ceph_pools.vms: 4 replicas need 4 nodes with OSDs, and ceph_osd_devices gives 3; add disks, or set "
        "ceph_pools.vms.size.",
    ),
    "a single copy": (
        put("nodes", "ceph_pools", {"vms": {"size": 1}}),
        "ceph_pools.vms.size: 1 is a single copy, which Ceph refuses; give at least 2, or accept the loss of data with "
        "min_size: 1 and ceph_config.global.mon_allow_pool_size_one: true.",
    ),
    "more writable copies than there are": (
        put("nodes", "ceph_pools", {"vms": {"size": 2, "min_size": 3}}),
        "ceph_pools.vms.min_size: 3 is more than the size 2; correct one of them.",
    ),
    # Nodes.
    "two nodes": (
        keep("nodes", "node1", "node2"),
        "The group nodes has 2 of the three nodes that a cluster needs to survive the loss of one; "
        "add nodes, or accept "
        "that with preflight_allow_few_nodes: true.",
    ),
    "even monitors": (
        put("nodes", "ceph_monitors", ["node1", "node2"]),
        "ceph_monitors has 2 monitors (node1, node2), which survive no more than 1 do; take an odd number.",
    ),
    "unknown monitor": (
        put("nodes", "ceph_monitors", ["node7"]),
        "ceph_monitors: node7 is no host of the group nodes; did you mean node1?",
    ),
    "differs": (
        put("hosts", "node2", "ceph_monitors", ["node2"]),
        "ceph_monitors differs between node1 and node2; set it once, for the group nodes.",
    ),
    "distribution": (
        both(
            put("facts", "node2", "distribution", "ubuntu"),
            put("facts", "node2", "version", "24.04"),
            put("facts", "node2", "distribution_name", "Ubuntu 24.04 LTS"),
        ),
        "node2: it runs Ubuntu 24.04 LTS, which is not supported; install Debian 13 or 12.",
    ),
    "not root": (
        put("facts", "node2", "user", 1000),
        "node2: the login is not root's; set ansible_user: root, or ansible_become: true.",
    ),
    "down": (
        put(
            "answers", "node3", {"unreachable": True, "msg": "Failed to connect to the host via ssh: No route to host"}
        ),
        "node3 (192.0.2.13) does not answer over SSH: No route to host; start it or correct ansible_host.",
    ),
    "silent": (
        put(
            "answers",
            "node3",
            {
                "failed": True,
                "msg": "Failed to connect to the host via ssh: mux_client_request_session: read from master failed: "
                "Broken pipe\nssh: connect to host 192.0.2.13 port 22: Connection timed out",
            },
        ),
        "node3 (192.0.2.13) does not answer over SSH: connect to host 192.0.2.13 port 22: Connection timed out; start "
        "it or correct ansible_host.",
    ),
    "password": (
        put(
            "answers",
            "node3",
            {"unreachable": True, "msg": "Invalid/incorrect password: Permission denied, please try again."},
        ),
        "node3 (192.0.2.13) refuses the login as root: Invalid/incorrect password: Permission "
        "denied, please try again; "
        "check ansible_user, and the password (-k) or the key.",
    ),
    "clocks": (
        put("facts", "node2", "clock_offset", -3.2),
        "The clocks of node1 and node2 are 3.2 s apart, preflight_max_clock_skew allows 1 s; set the "
        "time on both, and see "
        "that a time server is reached.",
    ),
    "package source": (
        put(
            "facts",
            "node2",
            "unreachable_sources",
            [{"uri": "http://apt.invalid/debian", "suite": "trixie", "reason": "timed out"}],
        ),
        "node2: the package source http://apt.invalid/debian trixie can't be reached (timed out), "
        "and packages are to be "
        "installed; correct it in /etc/apt, or give the node a way there.",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_one_sentence(world: Any, case: str) -> None:
    change, sentence = CASES[case]
    change(world)
    sentences, plan = world.judge()
    assert sentences == [sentence]
    assert plan is None


def test_two_names_for_one_node(world: Any) -> None:
    world.hosts["node2"]["ansible_host"] = "192.0.2.11"
    running = {"name": "web1", "uuid": OTHER, "memory": 2**31, "vcpus": 2, "active": True}
    world.facts["node1"]["domains"] = [running]
    world.facts["node2"] = world.facts["node1"]
    sentences, _plan = world.judge()
    assert sentences == ["node1 and node2 have the same address 192.0.2.11; give one of them another."]


def test_a_node_that_is_a_vm_too_is_not_said_to_refuse_the_login(world: Any) -> None:
    world.groups["vms"].append("node1")
    world.answers["node1"] = {"msg": "debian@192.0.2.11: Permission denied (publickey,password)."}
    sentences, _plan = world.judge()
    assert sentences == ["node1: it is in the group nodes and in the group vms; take it out of one."]


def test_a_node_that_is_written_twice_is_not_counted(world: Any, tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_text("nodes:\n  hosts: {node1: {}, node1: {}, node3: {}}\n")
    world.groups["nodes"] = ["node1", "node3"]
    world.hosts["node1"]["inventory_file"] = str(file)
    world.nodes["ceph_pools"] = {"vms": {"size": 2}}
    (sentence,), _plan = world.judge()
    assert "node1 is there twice" in sentence


def test_nothing_is_concluded_from_silence(world: Any) -> None:
    """Networks and images may be what only a node that does not answer knows."""
    for node in world.groups["nodes"]:
        world.answers[node] = {"msg": "Failed to connect to the host via ssh: No route to host"}
    world.hosts["web1"]["vm_nics"] = [{"network": "lan"}, {"network": "made-by-hand"}]
    world.hosts["db1"]["vm_image"] = "taken-out-of-the-inventory"
    sentences, _plan = world.judge()
    assert [sentence.partition(" ")[0] for sentence in sentences] == world.groups["nodes"]


def test_a_pool_that_is_to_go_is_not_the_first(world: Any, plan: Callable[[], dict[str, Any]]) -> None:
    world.nodes["ceph_pools"] = {"old": {"state": "absent"}, "vms": {}}
    assert plan()["vm_pool"] == "vms"


def test_all_errors_at_once(world: Any) -> None:
    for case in ("misspelt", "two VMs with one address", "even monitors", "clocks", "down"):
        CASES[case][0](world)
    sentences, _plan = world.judge()
    assert len(sentences) >= 4


@pytest.mark.parametrize(
    ("content", "entry", "sentence"),
    [
        (None, {}, "vm_images.debian-13.path: there is no file {path} on the controller; correct it."),
        (b"hello\n", {}, "vm_images.debian-13.path: {path} is a text, not a disk image."),
        (b"", {}, "vm_images.debian-13.path: {path} is empty."),
        (b"\0" * 1024, {"format": "qcow2"}, "vm_images.debian-13.path: {path} is not a qcow2 image."),
        (
            b"",
            {"checksum": "md5:12"},
            "vm_images.debian-13.checksum: 'md5:12' is no checksum; write sha256: and 64 hexadecimal digits.",
        ),
        (b"", {"url": "http://x.invalid"}, "vm_images.debian-13: give either url or path."),
    ],
)
def test_images(world: Any, tmp_path: Path, content: bytes | None, entry: dict[str, str], sentence: str) -> None:
    path = tmp_path / "image"
    if content is not None:
        path.write_bytes(content)
    world.vms["vm_images"] = {"debian-13": {"path": str(path), **entry}}
    assert world.judge() == ([sentence.format(path=path)], None)


def test_wrong_checksum(world: Any, image: Path) -> None:
    world.vms["vm_images"]["debian-13"]["checksum"] = f"sha256:{'0' * 64}"
    (sentence,), _plan = world.judge()
    assert f"vm_images.debian-13.checksum: {image} has sha256:" in sentence
    assert f"not sha256:{'0' * 64}; fetch the image again or correct the checksum." in sentence


def test_a_host_that_is_written_twice(world: Any, tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_text("vms:\n  hosts:\n    web1: {vm_vcpus: 1}\n    web1: {vm_vcpus: 2}\n")
    world.hosts["web1"]["inventory_file"] = str(file)
    (sentence,), _plan = world.judge()
    assert sentence.endswith("web1 is there twice under hosts (lines 3 and 4); rename or remove one.")
