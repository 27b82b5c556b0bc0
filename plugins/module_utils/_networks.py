# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks: what the nodes' bridges and overlays shall be, and what a VM has to know of them. Pure.

Private to the collection.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field

from ansible_collections.cairn.hci.plugins.module_utils import _addresses, _bridge, _bridge_checks
from ansible_collections.cairn.hci.plugins.module_utils._inventory import Inventory, Machine, attempt, check_once
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, ResourceError
from ansible_collections.cairn.hci.plugins.module_utils._schema import Problems, nearest

LONGEST_NAME = 15  # a link's name in Linux (IFNAMSIZ)
OVERHEAD = 50  # bytes that VXLAN takes of each packet (RFC 7348, over IPv4)
DEFAULT_MTU = 1500
WORDS = {"keep", "dhcp", "auto"}


@dataclass
class Guests:
    """A network as VMs see it. `mtu` is set where the inventory says it, `most` is what it carries, for `narrow`."""

    cidr: _addresses.Network | None = None
    gateways: list[str] = field(default_factory=list)
    dns: list[str] = field(default_factory=list)
    mtu: int | None = None
    most: int | None = None
    narrow: str = ""


def listed(value: str | list[str] | None) -> list[str]:
    """A list of what is written as one or several."""
    return [value] if isinstance(value, str) else list(value or [])


def storage(node: Machine) -> _addresses.Interface:
    """The node's address for Ceph: on the storage network, else on the management network."""
    network = node.get("network_storage")
    if not network:
        found = own_interface(node)
        if found is None:
            raise ResourceError(
                f"ansible_host {node.reached} is none of the node's addresses ({', '.join(addresses(node))}); "
                "set it to one of them, or set network_storage."
            )
        return found
    if not network.get("cidr"):
        raise ResourceError("network_storage.cidr is missing; write the storage network, such as 10.10.0.0/24.")
    cidr = _addresses.network(network["cidr"], "network_storage.cidr")
    given = node.get("network_storage_address")
    if given:
        return _addresses.place_in(cidr, given, "network_storage_address")
    return _addresses.nth_host(cidr, node.place, "network_storage.cidr")


def addresses(node: Machine) -> list[str]:
    """All addresses of a node, with prefixes."""
    return [one for link in (node.facts or {}).get("interfaces", []) for one in link["addresses"]]


def own_interface(node: Machine) -> _addresses.Interface | None:
    """The node's management address with its prefix; that of the default route where ansible_host is a name."""
    if node.address is not None:
        return _addresses.own(addresses(node), node.address)
    routes = [route["interface"] for route in (node.facts or {}).get("routes", []) if route["to"] == "default"]
    links = [link for link in (node.facts or {}).get("interfaces", []) if link["name"] in routes[:1]]
    return next((ipaddress.ip_interface(one) for link in links for one in link["addresses"]), None)


def overlay_mtu(node: Machine, overlay: Object) -> int:
    """The MTU in bytes of an overlay: what VXLAN leaves of the storage network's."""
    below = (node.get("network_storage") or {}).get("mtu") or DEFAULT_MTU
    return overlay.get("mtu") or below - OVERHEAD


def bonds(node: Machine) -> dict[str, Object]:
    """The bonds of a node, by name."""
    return dict(node.get("network_bonds") or {})


def links_of(node: Machine, bridge: str) -> list[str]:
    """A bridge, its ports and theirs: where the node's addresses are before and after the bridge is made."""
    ports = (node.get("network_bridges").get(bridge) or {}).get("ports") or []
    return [bridge, *(link for port in ports for link in (port, *(bonds(node).get(port, {}).get("ports") or [])))]


def mtu_of(node: Machine, link: str) -> int | None:
    """The MTU in bytes that the inventory has for a bridge or a bond: its own, else that of what it is joined with."""
    bridges, joined, storage_net = node.get("network_bridges"), bonds(node), node.get("network_storage") or {}
    above = [options for options in bridges.values() if link in (options.get("ports") or [])]
    below = [joined[port] for port in (bridges.get(link) or {}).get("ports") or [] if port in joined]
    own = [bridges.get(link) or joined.get(link) or {}]
    used = [storage_net] if storage_net.get("interface") == link else []
    return next((one["mtu"] for one in (*own, *above, *below, *used) if one.get("mtu")), None)


def narrowest(inventory: Inventory, name: str) -> tuple[int | None, str]:
    """The largest packet in bytes that every node's part of a network carries, and where the smallest part is."""
    found = []
    for node in inventory.having(name):
        overlay = (node.get("network_overlays") or {}).get(name)
        if overlay is not None:
            found.append((overlay_mtu(node, overlay), node.name))
        elif mtu := mtu_of(node, name):
            found.append((mtu, f"{name} of {node.name}"))
        else:
            links = [one for one in (node.facts or {}).get("interfaces", []) if one["name"] in links_of(node, name)]
            found += [(link["mtu"], f"{link['name']} of {node.name}") for link in links]
    return min(found, key=lambda one: one[0], default=(None, ""))


def seen_by_guests(inventory: Inventory, name: str) -> Guests:
    """What VMs have to know of a network, from the first node that knows."""
    found = Guests()
    most, narrow = narrowest(inventory, name)
    for node in inventory.having(name):
        bridge = node.get("network_bridges").get(name)
        overlay = (node.get("network_overlays") or {}).get(name)
        if overlay is not None:
            return Guests(mtu=overlay_mtu(node, overlay), most=most, narrow=narrow)
        found = _on_bridge(node, name, bridge or {})
        if found.cidr is not None:
            break
    found.most, found.narrow = most, narrow
    return found


def _on_bridge(node: Machine, name: str, bridge: Object) -> Guests:
    """A bridge as the inventory has it, completed by what the node has."""
    facts, links = node.facts or {}, links_of(node, name)
    cidr = _addresses.network(bridge["cidr"], f"network_bridges.{name}.cidr") if bridge.get("cidr") else None
    written = [one for one in bridge.get("addresses") or [] if "/" in one]
    there = [one for link in facts.get("interfaces", []) if link["name"] in links for one in link["addresses"]]
    if cidr is None and bridge.get("addresses") != []:
        nets = [ipaddress.ip_interface(one).network for one in written or there]
        storage_cidr = (node.get("network_storage") or {}).get("cidr")
        cidr = next((net for net in nets if str(net) != str(storage_cidr)), None)
    gateways = listed(bridge.get("gateway")) or [
        route["via"]
        for route in facts.get("routes", [])
        if route["to"] == "default" and route["interface"] in links and route["via"]
    ]
    gateways = [one for one in gateways if cidr is not None and ipaddress.ip_address(one) in cidr]
    dns = list(bridge.get("dns") or facts.get("name_servers", []))
    return Guests(cidr, gateways[:1], dns, mtu_of(node, name))


def plan(inventory: Inventory) -> dict[str, Object]:
    """What each node's network shall be: lists of the options of the module bridge."""
    storages = {name: storage(node) for name, node in inventory.nodes.items()}
    return {name: _plan_node(node, storages) for name, node in inventory.nodes.items()}


def _plan_node(node: Machine, storages: dict[str, _addresses.Interface]) -> Object:
    """The bridges, bonds, plain interfaces and overlays of one node."""
    network, own = node.get("network_storage") or {}, storages[node.name]
    bridges, interfaces = [], []
    for name, options in node.get("network_bridges").items():
        item = {"name": name} | {key: value for key, value in options.items() if value is not None and key != "cidr"}
        item |= {"ports": item.get("ports", []), "vlan_aware": item.get("vlan_aware", False)}
        if "gateway" in item:
            item["gateway"] = listed(item["gateway"])
        if mtu := mtu_of(node, name):
            item["mtu"] = mtu
        if network.get("interface") == name:
            item["addresses"] = [*item.get("addresses", ["keep"]), str(own)]
        bridges.append(item)
    if network and network.get("interface") not in {*node.get("network_bridges"), *bonds(node)}:
        link = {"name": network["interface"], "type": "interface", "addresses": ["keep", str(own)]}
        interfaces.append(link | ({"mtu": network["mtu"]} if network.get("mtu") else {}))
    overlays = [
        {
            "name": name,
            "ports": [],
            "addresses": [],
            "mtu": overlay_mtu(node, options),
            "vxlan": {
                "id": options["vni"],
                "local": str(own.ip),
                "remotes": [str(other.ip) for peer, other in storages.items() if peer != node.name],
            },
        }
        for name, options in (node.get("network_overlays") or {}).items()
    ]
    return {"bridges": bridges, "bonds": _plan_bonds(node, own), "interfaces": interfaces, "overlays": overlays}


def _plan_bonds(node: Machine, own: _addresses.Interface) -> list[Object]:
    """The bonds of one node; that of the storage network has `own`, its address."""
    items = []
    for name, options in bonds(node).items():
        given = {key: options[key] for key in _bridge.BOND if options.get(key) is not None}
        item = {"name": name, "type": "bond", "ports": options["ports"], "bond": given}
        if mtu := mtu_of(node, name):
            item["mtu"] = mtu
        if (node.get("network_storage") or {}).get("interface") == name:
            item["addresses"] = ["keep", str(own)]
        items.append(item)
    return items


def check_node(node: Machine, problems: Problems) -> None:
    """The networks of one node, as they are written."""
    bridges, overlays = node.get("network_bridges"), node.get("network_overlays") or {}
    _check_link_names(node, problems)
    _check_ports(node, problems)
    for sentence in _check_bonds(node):
        problems.add(node.name, sentence)
    for name, options in bridges.items():
        for sentence in _check_bridge(name, options):
            problems.add(node.name, sentence)
    most = ((node.get("network_storage") or {}).get("mtu") or DEFAULT_MTU) - OVERHEAD
    for name, options in overlays.items():
        if (options.get("mtu") or 0) > most:
            problems.add(
                node.name,
                f"network_overlays.{name}.mtu {options['mtu']} does not fit: the storage network carries {most} bytes "
                f"beside VXLAN's {OVERHEAD}; lower it, or raise network_storage.mtu.",
            )


def _check_link_names(node: Machine, problems: Problems) -> None:
    """That names are names, and each is one thing's."""
    seen: dict[str, str] = {}
    for variable, kind in (("network_bridges", "bridge"), ("network_overlays", "bridge"), ("network_bonds", "bond")):
        for name in node.get(variable) or {}:
            if len(name) > LONGEST_NAME or not name.isascii() or any(c.isspace() or c == "/" for c in name):
                problems.add(
                    node.name,
                    f"{name!r} can't be the name of a {kind}; take at most {LONGEST_NAME} letters and digits.",
                )
            other = seen.setdefault(name, variable)
            if other != variable:
                problems.add(node.name, f"{name} is in {other} and in {variable}; rename one of them.")


def _check_bonds(node: Machine) -> Iterator[str]:
    """What is wrong with the options of the bonds, and with their MTU beside that of their bridge."""
    for name, options in bonds(node).items():
        where, ports = f"network_bonds.{name}", options["ports"] or []
        for sentence in _bridge_checks.bond(options, ports):
            yield f"{where}: {sentence}."
        for port in ports:
            if port in bonds(node) or port in node.get("network_bridges"):
                yield f"{where}.ports: {port} is a bond or bridge itself; a bond joins interfaces."
        users = {f"network_bridges.{bridge}": one for bridge, one in node.get("network_bridges").items()}
        users = {key: one for key, one in users.items() if name in (one.get("ports") or [])}
        if (node.get("network_storage") or {}).get("interface") == name:
            users["network_storage"] = node.get("network_storage")
        for user, one in users.items():
            if options.get("mtu") and one.get("mtu") and options["mtu"] != one["mtu"]:
                yield f"{where}.mtu is {options['mtu']}, {user}.mtu is {one['mtu']}; remove that of the bond."


def _check_ports(node: Machine, problems: Problems) -> None:
    """That a link has one use."""
    users: dict[str, str] = {}
    for variable in ("network_bridges", "network_bonds"):
        for name, options in (node.get(variable) or {}).items():
            for port in options.get("ports") or []:
                other = users.setdefault(port, name)
                if other != name:
                    problems.add(
                        node.name, f"{variable}: {port} is a port of {other} and of {name}; take it out of one."
                    )
    network = node.get("network_storage")
    link = (network or {}).get("interface")
    if network and not link:
        problems.add(node.name, "network_storage.interface is missing; name the link of the storage network.")
    if link in users:
        kind = "bond" if users[link] in bonds(node) else "bridge"
        problems.add(
            node.name,
            f"network_storage.interface {link} is a port of the {kind} {users[link]}; name the {kind} in its place.",
        )


def _check_bridge(name: str, options: Object) -> Iterator[str]:
    """The addresses of one bridge, and the range that its VMs have."""
    where = f"network_bridges.{name}"
    for one in options.get("addresses") or []:
        try:
            if one not in WORDS:
                _addresses.interface(one, f"{where}.addresses")
        except ResourceError as error:
            yield str(error)
    try:
        cidr = _addresses.network(options["cidr"], f"{where}.cidr") if options.get("cidr") else None
    except ResourceError as error:
        yield str(error)
        return
    for gateway in listed(options.get("gateway")):
        found = _addresses.address(gateway)
        if found is None:
            yield f"{where}.gateway: {gateway!r} is not an address."
        elif cidr is not None and found.version == cidr.version and found not in cidr:
            yield f"{where}.gateway {gateway} is outside {cidr}; correct one of them."


def check(inventory: Inventory, problems: Problems) -> None:
    """The networks of all nodes, as they are written."""
    for node in inventory.nodes.values():
        check_node(node, problems)
        vnis = {name: one.get("vni") for name, one in (node.get("network_overlays") or {}).items()}
        check_once(vnis.items(), "vni", problems)
    known = [node for node in inventory.nodes.values() if node.facts or node.get("network_storage")]
    used = {node.name: attempt(problems, node.name, storage, node) for node in known}
    management = [(node.name, node.address) for node in inventory.nodes.values() if node.address]
    stored = [(name, found.ip) for name, found in used.items() if found is not None]
    check_once([*management, *stored], "address", problems)


def unknown_network(inventory: Inventory, name: str) -> str:
    """What to do about a network that no node has."""
    known = inventory.networks()
    return nearest(name, known) if known else "add it to network_bridges of the nodes."
