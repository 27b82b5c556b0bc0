"""What a lab consists of, computed from an inventory. Pure: no process, no file, no network.

The input is the output of ``ansible-inventory --list``: group name -> hosts and children, and
``_meta.hostvars``. Values that are templates are not rendered; the lab needs plain addresses and names.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

MANAGEMENT = "mgmt"
STORAGE = "storage"
DEFAULT_NIC = "eno1"
DEFAULT_DISK = "/dev/disk/by-id/nvme-*"
# Each node's BMC has a port of its own: this one and the node's place in the inventory, from 1.
BMC_PORT = 6230
IPMI_PORT = 623


class LabError(Exception):
    """One sentence that says what is wrong with the lab and what to do."""


@dataclass(frozen=True)
class Nic:
    """A network interface of a node and the isolated segment that it is plugged into."""

    name: str
    segment: str


@dataclass(frozen=True)
class Bmc:
    """A node's BMC; without an ``address`` it answers at the gateway's."""

    port: int
    user: str
    password: str
    address: str | None = None


@dataclass(frozen=True)
class Node:
    """One machine. ``nics[0]`` carries the address; ``disks`` are device paths as seen in the node."""

    name: str
    address: str
    nics: tuple[Nic, ...]
    disks: tuple[str, ...]
    bmc: Bmc


@dataclass(frozen=True)
class Plan:
    """All machines of a lab; ``addresses`` are those of every inventory host in the management subnet."""

    lab_id: str
    subnet: ipaddress.IPv4Network
    addresses: frozenset[ipaddress.IPv4Address]
    nodes: tuple[Node, ...]

    @property
    def segments(self) -> list[str]:
        """Names of the segments, the management segment first."""
        names = {nic.segment for node in self.nodes for nic in node.nics}
        return [MANAGEMENT, *sorted(names - {MANAGEMENT})]


def lab_id(name: str) -> str:
    """Six hex digits: an interface name has at most 15 characters, and the id is part of it."""
    return hashlib.sha256(name.encode()).hexdigest()[:6]


def group_hosts(inventory: dict[str, Any], group: str) -> list[str]:
    """Hosts of a group and of its children, in the inventory's order."""
    entry = inventory.get(group, {})
    hosts = list(entry.get("hosts", []))
    for child in entry.get("children", []):
        hosts += group_hosts(inventory, child)
    return list(dict.fromkeys(hosts))


def _address(host: str, variables: dict[str, Any]) -> ipaddress.IPv4Address:
    value = variables.get("ansible_host", host)
    try:
        return ipaddress.IPv4Address(value)
    except ipaddress.AddressValueError:
        raise LabError(f"{host}: ansible_host is {value!r}; the lab needs a plain IPv4 address") from None


def _nics(host: str, variables: dict[str, Any]) -> tuple[Nic, ...]:
    """The first port of the first bridge with addresses is the management interface; each other port has a segment.

    The first by name: ansible-inventory sorts them. The ports of a bond are NICs of one segment.
    """
    segments: dict[str, str] = {}
    bonds, bridges = (variables.get(name) or {} for name in ("network_bonds", "network_bridges"))
    storage = (variables.get("network_storage") or {}).get("interface")

    def plug(port: str, segment: str) -> None:
        for name in (bonds.get(port) or {}).get("ports") or [port]:
            segments.setdefault(name, segment)

    for bridge, options in sorted(bridges.items(), key=lambda entry: (entry[1] or {}).get("addresses") == []):
        for place, port in enumerate((options or {}).get("ports") or []):
            further = STORAGE if bridge == storage and not place else f"{bridge}.{place}"
            plug(port, further if segments else MANAGEMENT)
    if not segments:
        segments[DEFAULT_NIC] = MANAGEMENT
    if storage and storage not in bridges:
        plug(storage, STORAGE)
    for name in segments:
        if len(name) > 15:
            raise LabError(f"{host}: the interface name {name!r} has more than the 15 characters that Linux allows")
    return tuple(Nic(name, segment) for name, segment in segments.items())


def _disks(host: str, variables: dict[str, Any], count: int) -> tuple[str, ...]:
    """Device paths that satisfy ``ceph_osd_devices``: a plain path is one disk, a pattern is ``count`` disks."""
    devices = variables.get("ceph_osd_devices")
    if not isinstance(devices, list) or not all(isinstance(device, str) for device in devices):
        devices = [DEFAULT_DISK]
    disks: list[str] = []
    for device in devices:
        stem = device.partition("*")[0]
        if not stem.startswith("/dev/") or any(mark in stem for mark in "?["):
            raise LabError(f"{host}: the lab cannot make a disk for {device!r}; use a path below /dev or one '*'")
        disks += [device] if stem == device else [f"{stem}LAB_{host}_{n}" for n in range(1, count + 1)]
    return tuple(dict.fromkeys(disks))


def _bmc(host: str, place: int, variables: dict[str, Any]) -> Bmc:
    """What ``ha_bmc`` says, or the lab's defaults."""
    given = variables.get("ha_bmc") or {}
    if given.get("type", "ipmi") != "ipmi":
        raise LabError(f"{host}: ha_bmc.type is {given['type']!r}; the lab's BMCs speak ipmi")
    port = given.get("port", IPMI_PORT if "address" in given else BMC_PORT + place)
    if not isinstance(port, int):
        raise LabError(f"{host}: ha_bmc.port is {port!r}; the lab needs a plain number")
    return Bmc(port, str(given.get("user", "admin")), str(given.get("password", "cairn-lab")), given.get("address"))


def build(inventory: dict[str, Any], name: str, disks: int = 1, prefix: int = 24) -> Plan:
    """The lab for an inventory. ``name`` identifies the lab; ``disks`` per node and pattern.

    Raises LabError when the inventory has no nodes, or addresses that one management subnet cannot hold.
    """
    hostvars = inventory.get("_meta", {}).get("hostvars", {})
    hosts = group_hosts(inventory, "nodes")
    if not hosts:
        raise LabError("the inventory has no hosts in the group 'nodes'")
    addresses = {host: _address(host, hostvars.get(host, {})) for host in hosts}
    subnet = ipaddress.IPv4Network((addresses[hosts[0]], prefix), strict=False)
    for host, address in addresses.items():
        if address not in subnet:
            raise LabError(f"{host}: {address} is outside {subnet}; all nodes of a lab share one management subnet")
    if len(set(addresses.values())) < len(hosts):
        raise LabError("two nodes have the same ansible_host; give each node its own address")
    nodes = tuple(
        Node(
            name=host,
            address=f"{addresses[host]}/{prefix}",
            nics=_nics(host, hostvars.get(host, {})),
            disks=_disks(host, hostvars.get(host, {}), disks),
            bmc=_bmc(host, place, hostvars.get(host, {})),
        )
        for place, host in enumerate(hosts, 1)
    )
    left = {str(address) for address in subnet.hosts()} - {str(address) for address in addresses.values()}
    for node in nodes:
        if node.bmc.address and node.bmc.address not in left:
            raise LabError(f"{node.name}: ha_bmc.address {node.bmc.address} is no address of {subnet} that is left")
    if len({(node.bmc.address, node.bmc.port) for node in nodes}) < len(nodes):
        raise LabError("two nodes have the same address and port in ha_bmc; give each node its own")
    return Plan(lab_id(name), subnet, frozenset(_inside(hostvars, subnet)), nodes)


def _inside(hostvars: dict[str, Any], subnet: ipaddress.IPv4Network) -> Iterable[ipaddress.IPv4Address]:
    for host, variables in hostvars.items():
        try:
            address = ipaddress.IPv4Address(variables.get("ansible_host", host))
        except ipaddress.AddressValueError:
            continue
        if address in subnet:
            yield address


def gateway(plan: Plan, taken: Iterable[ipaddress.IPv4Address]) -> ipaddress.IPv4Address:
    """The host's address on the management segment: the first free one of first, last, last but one ..."""
    used = plan.addresses | set(taken)
    hosts = list(plan.subnet.hosts())
    for candidate in [hosts[0], *reversed(hosts)]:
        if candidate not in used:
            return candidate
    raise LabError(f"{plan.subnet} has no free address for the lab's gateway")


def routes(subnet: ipaddress.IPv4Network, foreign: Iterable[ipaddress.IPv4Address]) -> list[ipaddress.IPv4Network]:
    """The subnet without the addresses that the machine reaches elsewhere.

    An inventory may use the subnet of the machine's own uplink: longer prefixes then win over the uplink's
    route, and the machine keeps its gateway and its neighbours.
    """
    parts = [subnet]
    for address in foreign:
        hole = ipaddress.IPv4Network(address)
        parts = [piece for part in parts for piece in (part.address_exclude(hole) if address in part else [part])]
    return sorted(parts)
