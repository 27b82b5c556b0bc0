# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of a link as files of systemd-networkd, and back. Pure: no I/O.

Formats: systemd.network(5), systemd.netdev(5). Our files are `05-cairn-*`: networkd takes the first file that matches a
link, so they win over netplan's (`10-netplan-*`) and over systemd's own (`80-*`).

Private to the collection.
"""

from __future__ import annotations

import ipaddress

from ansible_collections.cairn.hci.plugins.module_utils import _dhcp
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object

DIRECTORY = "/etc/systemd/network"
PREFIX = f"{DIRECTORY}/05-cairn-"
HEADER = "# Written by cairn.hci (module bridge). The next run undoes other changes.\n"
FLOOD = "00:00:00:00:00:00"
WORDS = ("dhcp", "auto")
# Options of a bond and what they are called in [Bond] of systemd.netdev(5); the primary is said in its own file.
BOND = {
    "mode": "Mode",
    "miimon": "MIIMonitorSec",
    "lacp_rate": "LACPTransmitRate",
    "hash_policy": "TransmitHashPolicy",
}

Section = tuple[str, list[tuple[str, str]]]

# Guests' taps belong to libvirt: a catch-all file of the administrator must not make networkd configure them.
GUESTS = f"{DIRECTORY}/05-cairn.guests.network"
# A bridge has the hardware address of its port: a .link file that names the port by MACAddress= means the bridge, too,
# and the first of them at a boot gets the name. Here every such device keeps its name; else as in 99-default.link.
NAMES = f"{DIRECTORY}/05-cairn.names.link"
# networkd brings its wait-online service with it; the default of 120 s delays a boot with an unplugged cable.
WAIT_ONLINE = "/etc/systemd/system/systemd-networkd-wait-online.service.d/05-cairn.conf"
COMMON = {
    GUESTS: HEADER + "[Match]\nName=vnet* macvtap*\n\n[Link]\nUnmanaged=yes\n",
    NAMES: HEADER + "[Match]\nKind=bridge bond\n\n[Link]\nNamePolicy=keep\nMACAddressPolicy=persistent\n",
    WAIT_ONLINE: HEADER
    + "[Service]\nExecStart=\nExecStart=/lib/systemd/systemd-networkd-wait-online --timeout=30\nTimeoutStartSec=45\n",
}


def path(name: str, kind: str) -> str:
    """The file of a link; `kind` is `network` or `netdev`."""
    return f"{PREFIX}{name}.{kind}"


def render(sections: list[Section]) -> str:
    """The text of a file; empty sections are left out."""
    parts = [
        "".join([f"[{title}]\n", *(f"{key}={value}\n" for key, value in lines)]) for title, lines in sections if lines
    ]
    return HEADER + "\n".join(parts)


def parse(text: str) -> list[Section]:
    """The sections of a file, in order; sections and keys may repeat."""
    sections: list[Section] = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            sections.append((stripped[1:-1], []))
        elif sections and "=" in stripped and stripped[0] not in "#;":
            key, _sign, value = stripped.partition("=")
            sections[-1][1].append((key.strip(), value.strip()))
    return sections


def values(text: str | None, title: str, key: str) -> list[str]:
    """All values of a key in all sections of that title."""
    return [value for name, lines in parse(text or "") if name == title for k, value in lines if k == key]


def first(text: str | None, title: str, key: str) -> str | None:
    """The first value of a key, None without one."""
    return next(iter(values(text, title, key)), None)


def number(text: str | None) -> int | None:
    """A decimal number; None for anything else, as a hand-edited file may have."""
    return int(text) if text and text.isdecimal() else None


def on_link(gateway: str, addresses: list[str]) -> bool:
    """Whether a gateway lies outside all networks of the link, yet is a neighbour (as with a /32 address)."""
    ip = ipaddress.ip_address(gateway)
    static = [ipaddress.ip_interface(entry) for entry in addresses if entry not in WORDS]
    return bool(static) and not ip.is_link_local and not any(ip in entry.network for entry in static)


def vxlan_name(vxlan: Object) -> str:
    """The device of an overlay."""
    return f"vxlan{vxlan['id']}"


def mtu_lines(wanted: Object) -> list[tuple[str, str]]:
    """The line that sets the MTU, if one is wanted."""
    return [("MTUBytes", str(wanted["mtu"]))] if wanted["mtu"] else []


def routes(wanted: Object) -> list[Section]:
    """Default gateways, then the other routes."""
    sections: list[Section] = []
    wishes = [(None, via) for via in wanted["gateway"]] + [(route["to"], route["via"]) for route in wanted["routes"]]
    for to, via in wishes:
        lines = [("Destination", to)] if to else []
        if via:
            lines.append(("Gateway", via))
            if on_link(via, wanted["addresses"]):
                lines.append(("GatewayOnLink", "yes"))
        else:
            lines.append(("Scope", "link"))
        sections.append(("Route", lines))
    return sections


def layer3(wanted: Object) -> str:
    """The .network file of the link that carries the addresses."""
    addresses = wanted["addresses"]
    online = bool(addresses) and (wanted["type"] == "interface" or bool(wanted["ports"]))
    # Addresses stay while the cable is out: a cluster's daemons listen on them.
    network = [
        ("ConfigureWithoutCarrier", "yes"),
        ("LinkLocalAddressing", "ipv6" if addresses else "no"),
        ("IPv6AcceptRA", "yes" if "auto" in addresses else "no"),
    ]
    if "dhcp" in addresses:
        network += [("DHCP", "ipv4"), ("KeepConfiguration", "dhcp-on-stop")]
    network += [("Address", entry) for entry in addresses if entry not in WORDS]
    network += [("DNS", entry) for entry in wanted["dns"]]
    # The lease of the port goes on, as MAC and identifier are what they were.
    dhcp = [*_dhcp.lines(wanted["client_id"]), ("SendRelease", "no")] if "dhcp" in addresses else []
    sections = [
        ("Match", [("Name", wanted["name"])]),
        ("Link", [*mtu_lines(wanted), ("RequiredForOnline", "yes" if online else "no")]),
        ("Network", network),
        ("DHCPv4", dhcp),
        *routes(wanted),
    ]
    return render(sections)


def port(wanted: Object, name: str, further: list[Section] | None = None) -> str:
    """The .network file of a link that is a port of the bridge or bond."""
    master = [("Bond" if wanted["type"] == "bond" else "Bridge", wanted["name"])]
    master += [("PrimarySlave", "yes")] if name == (wanted["bond"] or {}).get("primary") else []
    trunk = [("VLAN", "1-4094"), ("PVID", "1"), ("EgressUntagged", "1")] if wanted["vlan_aware"] else []
    sections: list[Section] = [
        ("Match", [("Name", name)]),
        ("Link", [*mtu_lines(wanted), ("RequiredForOnline", "no")]),
        ("Network", [*master, ("LinkLocalAddressing", "no"), ("IPv6AcceptRA", "no")]),
        ("BridgeVLAN", trunk),
    ]
    return render(sections + (further or []))


def device(wanted: Object) -> Section:
    """What a bridge or a bond is."""
    mac = [("MACAddress", wanted["mac"])] if wanted["mac"] else []
    return "NetDev", [("Name", wanted["name"]), ("Kind", wanted["type"]), *mac]


def bond_netdev(wanted: Object) -> str:
    """The .netdev file of a bond."""
    given = {key: value for key, value in wanted["bond"].items() if key in BOND and value is not None}
    lines = [(BOND[key], f"{value}ms" if key == "miimon" else str(value)) for key, value in given.items()]
    return render([device(wanted), ("Bond", lines)])


def bridge_netdev(wanted: Object) -> str:
    """The .netdev file of a bridge."""
    bridge = [("STP", "no"), ("ForwardDelaySec", "0")]
    # Left out when false: a kernel without VLAN filtering refuses the attribute.
    bridge += [("VLANFiltering", "yes")] if wanted["vlan_aware"] else []
    return render([device(wanted), ("Bridge", bridge)])


def vxlan_files(wanted: Object) -> dict[str, str]:
    """The VXLAN device of an overlay, with the other nodes as its flood list."""
    vxlan = wanted["vxlan"]
    name = vxlan_name(vxlan)
    itself = [("Name", name), ("Kind", "vxlan")]
    tunnel = [
        ("VNI", str(vxlan["id"])),
        ("Local", vxlan["local"]),
        ("DestinationPort", str(vxlan["port"])),
        ("MacLearning", "yes"),
        ("Independent", "yes"),
    ]
    flood: list[Section] = [("BridgeFDB", [("MACAddress", FLOOD), ("Destination", ip)]) for ip in vxlan["remotes"]]
    return {
        path(name, "netdev"): render([("NetDev", itself), ("VXLAN", tunnel)]),
        path(name, "network"): port(wanted, name, flood),
    }


def files(wanted: Object) -> dict[str, str]:
    """All files that `wanted` (complete options) needs, path -> text."""
    name = wanted["name"]
    # The file of a bond that is a port is its bridge's.
    found = {} if wanted["master"] else {path(name, "network"): layer3(wanted)}
    if wanted["type"] != "interface":
        found[path(name, "netdev")] = bond_netdev(wanted) if wanted["type"] == "bond" else bridge_netdev(wanted)
        found |= {path(entry, "network"): port(wanted, entry) for entry in wanted["ports"]}
    if wanted["vxlan"]:
        found |= vxlan_files(wanted)
    return found | COMMON


def members(found: dict[str, str], name: str) -> list[str]:
    """The links that our files make ports of bridge or bond `name`, its VXLAN device among them."""
    names = [first(text, "Match", "Name") for text in found.values() if port_of(text) == name]
    return sorted(entry for entry in names if entry)


def port_of(text: str | None) -> str | None:
    """The bridge or bond that a .network file makes a link a port of."""
    return first(text, "Network", "Bridge") or first(text, "Network", "Bond")


def kind(found: dict[str, str], name: str) -> str | None:
    """What the .netdev file of a link makes it."""
    return first(found.get(path(name, "netdev")), "NetDev", "Kind")


def owned(found: dict[str, str], name: str) -> list[str]:
    """The paths among `found` that belong to `name`: not what a bridge says of its port, nor what a bond itself is."""
    parts = [path(name, "netdev"), *([] if port_of(found.get(path(name, "network"))) else [path(name, "network")])]
    for entry in members(found, name):
        parts += [path(entry, "network"), *([path(entry, "netdev")] if kind(found, entry) == "vxlan" else [])]
    return [entry for entry in parts if entry in found]


def read_bond(found: dict[str, str], name: str) -> Object:
    """The options of a bond from its file and those of its ports."""
    netdev = found.get(path(name, "netdev"))
    given: Object = {key: first(netdev, "Bond", word) for key, word in BOND.items()}
    primaries = [
        entry for entry in members(found, name) if first(found.get(path(entry, "network")), "Network", "PrimarySlave")
    ]
    miimon = number((given["miimon"] or "").removesuffix("ms"))
    return given | {"miimon": miimon, "primary": next(iter(primaries), None)}


def read_vxlan(found: dict[str, str], names: list[str]) -> Object | None:
    """The overlay's options from the files of a bridge's ports."""
    for name in names:
        netdev = found.get(path(name, "netdev"))
        if kind(found, name) == "vxlan":
            return {
                "id": number(first(netdev, "VXLAN", "VNI")),
                "local": first(netdev, "VXLAN", "Local"),
                "remotes": values(found.get(path(name, "network")), "BridgeFDB", "Destination"),
                "port": number(first(netdev, "VXLAN", "DestinationPort")),
            }
    return None


def read_routes(text: str) -> tuple[list[str], list[Object]]:
    """Default gateways and other routes of a file."""
    lines = [dict(entries) for title, entries in parse(text) if title == "Route"]
    gateways = [entry["Gateway"] for entry in lines if "Destination" not in entry and "Gateway" in entry]
    others = [{"to": entry["Destination"], "via": entry.get("Gateway")} for entry in lines if "Destination" in entry]
    return gateways, others


def options(found: dict[str, str], name: str) -> Object | None:
    """The complete options of `name` as our files have them; None when it has no file of ours, or is but a port."""
    text = found.get(path(name, "network"))
    netdev, is_a, master = found.get(path(name, "netdev")), kind(found, name), port_of(text)
    if is_a != "bond" and (text is None or master):
        return None
    text = text or ""
    ports = members(found, name)
    vxlan = read_vxlan(found, ports)
    gateways, others = read_routes(text)
    words = ["dhcp"] if first(text, "Network", "DHCP") else []
    words += ["auto"] if first(text, "Network", "IPv6AcceptRA") == "yes" else []
    return {
        "name": name,
        "type": is_a or "interface",
        "ports": [entry for entry in ports if vxlan is None or entry != vxlan_name(vxlan)],
        "vlan_aware": first(netdev, "Bridge", "VLANFiltering") == "yes",
        "mtu": number(first(text, "Link", "MTUBytes")),
        "mac": first(netdev, "NetDev", "MACAddress"),
        "bond": read_bond(found, name) if is_a == "bond" else None,
        "master": master,
        "addresses": words + values(text, "Network", "Address"),
        "gateway": gateways,
        "dns": values(text, "Network", "DNS"),
        "routes": others,
        "vxlan": vxlan,
        "client_id": _dhcp.from_lines(dict(next((lines for title, lines in parse(text) if title == "DHCPv4"), []))),
    }
