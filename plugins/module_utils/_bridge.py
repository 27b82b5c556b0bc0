# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bridges and plain links of a node: what is, what shall be, and the plan between. Pure: no I/O.

Private to the collection.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from ansible_collections.cairn.hci.plugins.module_utils import _ifupdown, _networkd
from ansible_collections.cairn.hci.plugins.module_utils._networkd import WORDS
from ansible_collections.cairn.hci.plugins.module_utils._resource import Change, Object, ResourceError, remove

FIELDS = ("type", "ports", "bond", "vlan_aware", "mtu", "addresses", "gateway", "dns", "routes", "vxlan")
BOND = ("mode", "miimon", "lacp_rate", "hash_policy", "primary")
# Kinds of links that a guest or a container hangs on a bridge; anything else on it is an uplink.
GUEST_KINDS = frozenset({"tun", "veth", "macvtap"})
FOREIGN_PROTOCOLS = frozenset({"kernel", "dhcp", "ra", "redirect", "bgp", "ospf", "isis", "zebra", "bird"})


@dataclass(frozen=True)
class Node:
    """What was read on a node: `links` by name as in `ip -json -details address`, `routes` as in `ip -json route`.

    `policy` are the other routing tables that have routes through a link.
    `files` are our own files of networkd, `ifupdown` those of ifupdown, by path. `dns` are the static name servers that
    networkd has for a link, `client_ids` who its DHCP client says it is. `flood` are the flood lists of the VXLAN
    devices as in `bridge -json fdb`.
    """

    host: str
    links: dict[str, Object]
    routes: list[Object] = field(default_factory=list)
    policy: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    ifupdown: dict[str, str] = field(default_factory=dict)
    dns: dict[str, list[str]] = field(default_factory=dict)
    client_ids: dict[str, str] = field(default_factory=dict)
    flood: list[Object] = field(default_factory=list)
    vlan_filtering: bool = True
    network_manager: bool = False
    pending: bool = False


@dataclass(frozen=True)
class Task:
    """What the objects of one task are to each other.

    `leaving` are removed, `bonds` has the ports of the bonds, `masters` the bridge of each port. `decided` are the
    bridges whose ports the task names.
    """

    leaving: frozenset[str] = frozenset()
    bonds: dict[str, list[str]] = field(default_factory=dict)
    masters: dict[str, str] = field(default_factory=dict)
    decided: frozenset[str] = frozenset()

    @classmethod
    def of(cls, items: list[Object]) -> Task:
        """The task that has these objects."""
        present = [item for item in items if item["state"] == "present"]
        named = [item for item in present if item["ports"] is not None]
        return cls(
            frozenset(item["name"] for item in items if item["state"] == "absent"),
            {item["name"]: item["ports"] or [] for item in present if item["type"] == "bond"},
            {port: item["name"] for item in named if item["type"] == "bridge" for port in item["ports"]},
            frozenset(item["name"] for item in named),
        )

    def bridge_of(self, node: Node, name: str) -> str | None:
        """The bridge that a bond is to be a port of: by the task, else as it is."""
        saved = _networkd.port_of(node.files.get(_networkd.path(name, "network")))
        return self.masters.get(name) or (None if saved in self.leaving | self.decided else saved)

    def below(self, ports: list[str]) -> list[str]:
        """Ports, each followed by what it is made of."""
        return [link for port in ports for link in (port, *self.bonds.get(port, []))]


def kind(link: Object | None) -> str | None:
    """The kind of a link (`bridge`, `tun`, `vxlan` ...); None for hardware."""
    value = ((link or {}).get("linkinfo") or {}).get("info_kind")
    return str(value) if value else None


def info(link: Object | None) -> Object:
    """The details of a link's kind."""
    found = ((link or {}).get("linkinfo") or {}).get("info_data")
    return found if isinstance(found, dict) else {}


def enslaved(node: Node, name: str) -> list[str]:
    """The ports that bridge `name` has now."""
    return sorted(entry for entry, link in node.links.items() if link.get("master") == name)


def addresses(node: Node, name: str) -> list[str]:
    """Addresses of a link, with `dhcp` and `auto` for those that were learned."""
    words: set[str] = set()
    static = []
    for entry in node.links.get(name, {}).get("addr_info", []):
        if entry.get("scope") in {"link", "host"} or "local" not in entry:
            continue
        if entry.get("dynamic"):
            words.add("dhcp" if entry["family"] == "inet" else "auto")
        elif not (entry["family"] == "inet" and _ifupdown.uses_dhcp(node.ifupdown, name)):
            static.append(f"{entry['local']}/{entry['prefixlen']}")
    if _ifupdown.uses_dhcp(node.ifupdown, name):
        words.add("dhcp")
    return [word for word in WORDS if word in words] + static


def routes(node: Node, name: str) -> tuple[list[str], list[Object]]:
    """Default gateways (one per family, the cheapest first) and other static routes of a link."""
    gateways: dict[int, str] = {}
    others = []
    mine = [entry for entry in node.routes if entry.get("dev") == name]
    static = [entry for entry in mine if entry.get("protocol") not in FOREIGN_PROTOCOLS]
    for entry in sorted(static, key=lambda entry: int(entry.get("metric", 0))):
        via = entry.get("gateway")
        if entry["dst"] == "default":
            if via:
                gateways.setdefault(ipaddress.ip_address(via).version, via)
        elif entry.get("type", "unicast") == "unicast":
            others.append({"to": str(ipaddress.ip_network(entry["dst"], strict=False)), "via": via})
    if "dhcp" in addresses(node, name):
        gateways.pop(4, None)
    return list(gateways.values()), others


def live_vxlan(node: Node, name: str) -> Object | None:
    """The overlay of a bridge as it runs."""
    for entry in enslaved(node, name):
        if kind(node.links[entry]) == "vxlan":
            data = info(node.links[entry])
            remotes = [str(item["dst"]) for item in node.flood if item.get("ifname") == entry and item.get("dst")]
            return {"id": data.get("id"), "local": data.get("local"), "remotes": remotes, "port": data.get("port")}
    return None


def live_bond(node: Node, name: str) -> Object | None:
    """The options of a bond as it runs."""
    if kind(node.links.get(name)) != "bond":
        return None
    data = info(node.links[name])
    names = {"lacp_rate": "ad_lacp_rate", "hash_policy": "xmit_hash_policy"}
    return {key: data.get(names.get(key, key)) for key in BOND}


def is_a(node: Node, name: str) -> str:
    """What a link is, as this module calls it; by its file when it is not there."""
    found = kind(node.links[name]) if name in node.links else _networkd.kind(node.files, name)
    return found if found in {"bridge", "bond"} else "interface"


def dns(node: Node, name: str) -> list[str]:
    """Name servers of a link, as far as a file says so."""
    return list(dict.fromkeys([*node.dns.get(name, []), *_ifupdown.name_servers(node.ifupdown, name)]))


def to_dict(node: Node, name: str) -> Object | None:
    """A bridge, a bond or a plain link as it is; None when there is neither link nor file of ours."""
    link, saved = node.links.get(name), _networkd.options(node.files, name)
    if link is None and saved is None:
        return None
    uplinks = set(saved["ports"]) if saved else set()
    ports = enslaved(node, name)
    others = [port for port in ports if port not in uplinks and kind(node.links[port]) != "vxlan"]
    guests = [port for port in others if kind(node.links[port]) in GUEST_KINDS and is_a(node, name) == "bridge"]
    gateways, further = routes(node, name)
    found = {
        "name": name,
        "type": is_a(node, name),
        "ports": [port for port in ports if port not in guests and kind(node.links[port]) != "vxlan"],
        "guests": guests,
        "bond": live_bond(node, name),
        "vlan_aware": bool(info(link).get("vlan_filtering")),
        "mtu": (link or {}).get("mtu"),
        "mac": (link or {}).get("address"),
        "addresses": addresses(node, name),
        "gateway": gateways,
        "dns": saved["dns"] if saved else dns(node, name),
        "routes": further,
        "vxlan": live_vxlan(node, name),
        "persisted": saved is not None,
    }
    return found | ({"unconfirmed": True} if node.pending else {})


def managed(node: Node) -> list[str]:
    """All bridges and bonds, and the plain links that this collection configures."""
    files = [path.removeprefix(_networkd.PREFIX).removesuffix(".network") for path in node.files]
    own = {name for name in files if _networkd.options(node.files, name)}
    return sorted(own | {name for name, link in node.links.items() if kind(link) in {"bridge", "bond"}})


def read(node: Node, names: list[str] | None) -> dict[str, Object]:
    """The links called `names`, or all that are managed, as far as they exist, by name."""
    found = {name: to_dict(node, name) for name in (managed(node) if names is None else names)}
    return {name: entry for name, entry in found.items() if entry is not None}


def networks(entries: list[str]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """The networks of the static addresses."""
    return [ipaddress.ip_interface(entry).network for entry in entries if entry not in WORDS]


def inside(ip: str | None, nets: list[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    """Whether an address lies in one of the networks."""
    return ip is not None and any(ipaddress.ip_address(ip) in net for net in nets)


def inherited(node: Node, wanted: Object, task: Task) -> Object:
    """What the link has now, and the ports that it does not have yet: the answer to every option that is not given.

    A port brings what its old bridge had, when the task removes that.
    """
    name = wanted["name"]
    saved = _networkd.options(node.files, name)
    sources = [] if saved else [name]
    # A bridge whose link is gone (a run that was cut short) is not configured yet: its ports still have everything.
    masters = {port: node.links.get(port, {}).get("master") for port in task.below(wanted["ports"] or [])}
    for port, master in masters.items():
        sources += [port, *([master] if master in task.leaving else [])] if master != name else []
    parts = [saved] if saved else []
    for source in sources:
        gateways, further = routes(node, source)
        parts.append(
            {"addresses": addresses(node, source), "gateway": gateways, "routes": further, "dns": dns(node, source)}
        )
    result: Object = {"gateway": [], "routes": [], "addresses": [], "dns": []}
    for part in parts:
        for key in result:
            result[key] += [entry for entry in part[key] if entry not in result[key]]
    result["gateway"] = one_per_family(result["gateway"])
    single = {key: (saved or {}).get(key) for key in ("mtu", "mac", "vxlan", "ports", "vlan_aware", "bond")}
    ids = (
        [saved["client_id"]]
        if saved and "dhcp" in saved["addresses"]
        else [node.client_ids.get(entry) for entry in sources]
    )
    return result | single | {"saved": saved is not None, "client_id": next((entry for entry in ids if entry), None)}


def one_per_family(gateways: list[str]) -> list[str]:
    """The first gateway of each family."""
    found: dict[int, str] = {}
    for entry in gateways:
        found.setdefault(ipaddress.ip_address(entry).version, entry)
    return list(found.values())


def merged(given: list[str] | None, kept: list[str]) -> list[str]:
    """The addresses given; `keep` (or none given) stands for the present ones outside the networks of those."""
    if given is None:
        return kept
    own = [entry if entry in WORDS else str(ipaddress.ip_interface(entry)) for entry in given if entry != "keep"]
    nets = networks(own)
    outside = [entry for entry in kept if entry in WORDS or not inside(entry.partition("/")[0], nets)]
    unique = list(dict.fromkeys([*(outside if "keep" in given else []), *own]))
    return [word for word in WORDS if word in unique] + [entry for entry in unique if entry not in WORDS]


def donor(node: Node, wanted: Object, task: Task) -> Object:
    """The link whose MAC a new bridge or bond gets: the first port with an address, else the first."""
    ports = [node.links[port] for port in task.below(wanted["ports"] or []) if port in node.links]
    return node.links.get(wanted["name"]) or next((one for one in ports if one.get("addr_info")), (ports or [{}])[0])


def bond(wanted: Object, kept: Object) -> Object | None:
    """All options of a bond; the mode that needs nothing of the switch is the default."""
    if wanted["type"] != "bond":
        return None
    given = wanted["bond"] or kept["bond"] or {}
    return dict.fromkeys(BOND) | {"mode": "active-backup", "miimon": 100} | given


def complete(node: Node, wanted: Object, task: Task) -> Object:
    """The options with nothing left open: what was not given is as it is on the node (see `inherited`)."""
    name, master = wanted["name"], task.bridge_of(node, wanted["name"]) if wanted["type"] == "bond" else None
    # The addresses of a port are its bridge's.
    given = [] if master else wanted["addresses"]
    kept = inherited(node, wanted, task)
    entries = merged(given, kept["addresses"])
    keeps = given is None or "keep" in given
    nets = networks(entries)
    ports = sorted(wanted["ports"] if wanted["ports"] is not None else kept["ports"] or [])
    made = wanted["type"] != "interface"
    mac = kept["mac"] if kept["saved"] else donor(node, wanted, task).get("address")

    def choose(key: str, present: list[str]) -> list[str]:
        return present if wanted[key] is None else wanted[key]

    gateways = [entry for entry in kept["gateway"] if keeps or inside(entry, nets)]
    return {
        "name": name,
        "type": wanted["type"],
        "ports": ports if made else [],
        "bond": bond(wanted, kept),
        "master": master,
        "vlan_aware": bool(kept["vlan_aware"] if wanted["vlan_aware"] is None else wanted["vlan_aware"]) and made,
        "mtu": wanted["mtu"] or kept["mtu"],
        "mac": mac if made else None,
        "addresses": entries,
        "gateway": choose("gateway", gateways),
        "dns": choose("dns", kept["dns"]),
        "routes": choose("routes", [entry for entry in kept["routes"] if keeps or inside(entry["via"], nets)]),
        "vxlan": wanted["vxlan"] or kept["vxlan"],
        "client_id": kept["client_id"] if "dhcp" in entries else None,
        "state": wanted["state"],
    }


def unordered(vxlan: Object) -> Object:
    """An overlay's options; the order of its flood list means nothing."""
    return vxlan | {"remotes": set(vxlan["remotes"])}


def satisfied(key: str, live: Object, wanted: Object) -> bool:
    """Whether the running state of one field does what is wanted; what others added (a VIP, a tap) is no difference."""
    want, have = wanted[key], live[key]
    if key == "mtu":
        return want is None or want == have
    if key == "dns":
        return True
    if key == "bond":
        return want is None or (have is not None and all(want[k] in (None, have[k]) for k in want))
    if key == "vxlan":
        return want is None or (have is not None and unordered(have) == unordered(want))
    if key in {"ports", "addresses", "gateway", "routes"}:
        return all(entry in have or entry == "auto" for entry in want)
    return bool(want == have)


def unsaved(node: Node, wanted: Object) -> list[str]:
    """The paths whose content is not what `wanted` needs, stale ones among them."""
    expected = _networkd.files(wanted)
    stale = [path for path in _networkd.owned(node.files, wanted["name"]) if path not in expected]
    return [path for path, text in expected.items() if node.files.get(path) != text] + stale


def plan(node: Node, current: Object | None, wanted: Object) -> list[Change]:
    """The changes that lead from `current` to `wanted` (complete options)."""
    name = wanted["name"]
    saved = _networkd.options(node.files, name)
    if wanted["state"] == "absent":
        gone = current is None or (wanted["type"] == "interface" and saved is None)
        return [] if gone else remove()
    if current is None:
        return [Change(key, None, wanted[key], "create") for key in FIELDS if wanted[key] not in (None, [], False)]
    changes = []
    for key in FIELDS:
        if not satisfied(key, current, wanted):
            changes.append(Change(key, current[key], wanted[key]))
        elif saved is not None and saved[key] != wanted[key]:
            changes.append(Change(key, saved[key], wanted[key]))
    if not changes and (saved is None or unsaved(node, wanted)):
        changes.append(Change("persisted", False, True))
    if not changes and node.pending:
        changes.append(Change("unconfirmed", True, False))
    return changes


def require(holds: bool, text: str) -> None:
    """Raise ResourceError with `text` unless it holds."""
    if not holds:
        raise ResourceError(text)
