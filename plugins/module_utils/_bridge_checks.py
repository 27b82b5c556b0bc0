# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be right about a bridge or a link, said before anything is touched. Pure: no I/O.

Private to the collection.
"""

from __future__ import annotations

import ipaddress

from ansible_collections.cairn.hci.plugins.module_utils import _ifupdown, _networkd
from ansible_collections.cairn.hci.plugins.module_utils._bridge import Node, Task, enslaved, is_a, kind, networks
from ansible_collections.cairn.hci.plugins.module_utils._networkd import WORDS
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, ResourceError

MAX_NAME = 15  # IFNAMSIZ without its final zero
MAX_VNI = 2**24 - 1
# What can be an uplink; None is hardware.
UPLINK_KINDS = frozenset({None, "bond", "team", "vlan", "veth"})
MODES = ("active-backup", "802.3ad", "balance-xor", "balance-rr", "balance-tlb", "balance-alb", "broadcast")
HASH_POLICIES = ("layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4", "vlan+srcmac")
LACP_RATES = ("slow", "fast")
# The modes in which an option of a bond means something (networking/bonding.rst of the kernel).
MEANT = {
    "lacp_rate": ("802.3ad",),
    "hash_policy": ("802.3ad", "balance-xor", "balance-tlb"),
    "primary": ("active-backup", "balance-tlb", "balance-alb"),
}
MIIMON = (10, 10000)  # milliseconds; a link that is not looked at is never found dead
VXLAN_PORT = 4789  # IANA's number; the kernel's own default, 8472, is from before the RFC


def valid_ip(text: str) -> bool:
    """Whether `text` is an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def valid_interface(text: str) -> bool:
    """Whether `text` is an address with its prefix length."""
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return False
    return "/" in text


def options(where: str, wanted: Object) -> list[str]:
    """Errors in the options themselves."""
    name = wanted["name"]
    errors = []
    if not 0 < len(name) <= MAX_NAME or "/" in name or any(c.isspace() for c in name):
        errors.append(f"{where}: a link's name has 1 to {MAX_NAME} characters, no slash and no space")
    if wanted["type"] == "interface" and (wanted["ports"] or wanted["vlan_aware"] or wanted["vxlan"]):
        errors.append(f"{where}: ports, vlan_aware and vxlan are for bridges; remove them or use type: bridge")
    if wanted["type"] == "bond" and (wanted["vlan_aware"] or wanted["vxlan"]):
        errors.append(f"{where}: vlan_aware and vxlan are for bridges; say them of the bridge that has the bond")
    if wanted["type"] != "bond" and wanted["bond"]:
        errors.append(f"{where}: the options in bond are those of a bond; remove them or use type: bond")
    errors += (
        [f"{where}: {entry}" for entry in bond(wanted["bond"], wanted["ports"])] if wanted["type"] == "bond" else []
    )
    wrong = [e for e in wanted["addresses"] or [] if e not in {*WORDS, "keep"} and not valid_interface(e)]
    errors += [f"{where}: address {entry!r} is not like 192.0.2.11/24, dhcp, auto or keep" for entry in wrong]
    for key in ("gateway", "dns"):
        bad = [entry for entry in wanted[key] or [] if not valid_ip(entry)]
        errors += [f"{where}: {key} {entry!r} is not an IP address" for entry in bad]
    for route in wanted["routes"] or []:
        if not valid_interface(route["to"]) or (route["via"] and not valid_ip(route["via"])):
            errors.append(f"{where}: route {route} needs a network in `to` (10.0.0.0/8) and an IP address in `via`")
    return errors + vxlan(where, wanted["vxlan"])


def bond(given: Object | None, ports: list[str] | None) -> list[str]:
    """Errors in the options of a bond and in its ports as such."""
    if ports is not None and not ports:
        return ["a bond has at least one port; name it in ports"]
    errors = [f"port {port} is named twice; name it once" for port in ports or [] if (ports or []).count(port) > 1][:1]
    options, mode = given or {}, (given or {}).get("mode") or MODES[0]
    for key, modes in MEANT.items():
        if options.get(key) and mode not in modes:
            errors.append(f"{key} means nothing in mode {mode}; remove it, or use mode {' or '.join(modes)}")
    if options.get("primary") and ports is not None and options["primary"] not in ports:
        errors.append(f"primary {options['primary']} is none of its ports {', '.join(ports)}; name one of them")
    if options.get("miimon") is not None and not MIIMON[0] <= options["miimon"] <= MIIMON[1]:
        errors.append(f"miimon is {options['miimon']}; it must be from {MIIMON[0]} to {MIIMON[1]} milliseconds")
    return errors


def vxlan(where: str, wanted: Object | None) -> list[str]:
    """Errors in the overlay."""
    if not wanted:
        return []
    fits = 0 < wanted["id"] <= MAX_VNI
    errors = [] if fits else [f"{where}: the VXLAN id {wanted['id']} is not within 1 and {MAX_VNI}"]
    bad = [entry for entry in [wanted["local"], *wanted["remotes"]] if not valid_ip(entry)]
    return errors + [f"{where}: {entry!r} is not an IP address; a VXLAN joins addresses" for entry in bad]


def gateways(where: str, wanted: Object) -> list[str]:
    """A gateway that no address of the link can reach is a typing error, unless the link has a /32."""
    nets = networks(wanted["addresses"])
    errors = []
    for entry in wanted["gateway"]:
        ip = ipaddress.ip_address(entry)
        mine = [net for net in nets if net.version == ip.version]
        if mine and not ip.is_link_local and all(ip not in net and net.num_addresses > 1 for net in mine):
            reach = ", ".join(str(net) for net in mine)
            errors.append(f"{where}: gateway {entry} is outside the link's own networks ({reach})")
    return errors


def released(node: Node, items: list[Object]) -> set[tuple[str, str]]:
    """The (bridge, port) pairs that a task takes apart."""
    return {
        (item["name"], port)
        for item in items
        if item["state"] == "absent" or item["ports"] is not None
        for port in enslaved(node, item["name"])
        if item["state"] == "absent" or port not in item["ports"]
    }


def ports(node: Node, where: str, wanted: Object, task: Task, leaving: set[tuple[str, str]]) -> list[str]:
    """Errors with the ports of a bridge or bond. `leaving` are those that the same task releases."""
    usable = [name for name, link in node.links.items() if kind(link) in UPLINK_KINDS and name != "lo"]
    hardware = ", ".join(sorted(usable))
    errors = []
    for port in wanted["ports"] or []:
        link = node.links.get(port)
        if wanted["type"] == "bond" and (port in task.bonds or kind(link) in {"bond", "vlan", "bridge"}):
            errors.append(f"{where}: port {port} is no interface of the hardware; a bond joins only those")
            continue
        if link is None and port in task.bonds:
            continue
        if link is None:
            errors.append(f"{where}: port {port} does not exist; the node has {hardware or 'no interface'}")
            continue
        errors += [] if port in task.bonds else made_by_ifupdown(node, where, port)
        master = link.get("master")
        if master not in {None, wanted["name"]} and (master, port) not in leaving:
            errors.append(f"{where}: port {port} belongs to {master} already; take it out there first")
        if kind(link) == "bridge":
            errors.append(f"{where}: port {port} is a bridge itself; name its ports instead")
    return errors


def made_by_ifupdown(node: Node, where: str, name: str) -> list[str]:
    """A VLAN or bond that only ifupdown makes would not be there after the next start, as its stanza is taken over."""
    what = kind(node.links[name])
    if what not in {"bond", "team", "vlan"} or not _ifupdown.options(node.ifupdown, name):
        return []
    cure = "declare it in network_bonds" if what == "bond" else "make it with a .netdev of systemd-networkd"
    return [f"{where}: {name} is a {what} that /etc/network/interfaces makes; {cure}, and remove its stanza there"]


def mtu(node: Node, where: str, wanted: Object) -> list[str]:
    """Errors with the MTU: what the link and its ports can do, as the kernel says."""
    names = [wanted["name"], *(wanted["ports"] or [])] if wanted["mtu"] else []
    errors = []
    for name in names:
        most, least = node.links.get(name, {}).get("max_mtu") or 65535, node.links.get(name, {}).get("min_mtu") or 68
        if not least <= wanted["mtu"] <= most:
            errors.append(f"{where}: MTU {wanted['mtu']} is not within what {name} can do ({least} to {most} bytes)")
    return errors


def link(node: Node, where: str, wanted: Object) -> list[str]:
    """Errors with the link of that name as it is."""
    name, found = wanted["name"], node.links.get(wanted["name"])
    if wanted["type"] != "interface":
        wrong = found is not None and kind(found) != wanted["type"]
        what = {"interface": "an interface"}.get(is_a(node, name), f"a {is_a(node, name)}")
        return [f"{where}: {name} is {what} already; give the {wanted['type']} another name"] if wrong else []
    if found is None:
        names = ", ".join(sorted(name for name in node.links if name != "lo"))
        return [f"{where}: there is no interface {wanted['name']}; the node has {names}"]
    if found.get("master"):
        return [f"{where}: it is a port of {found['master']}; put the addresses there"]
    return made_by_ifupdown(node, where, name)


def removal(node: Node, where: str, name: str, leaving: set[tuple[str, str]]) -> list[str]:
    """A bridge with guests on it stays, and a bond that is a port of one."""
    master = node.links.get(name, {}).get("master")
    if is_a(node, name) == "bond" and master and (master, name) not in leaving:
        return [f"{where}: not removed, it is a port of {master}; give that other ports first"]
    own = set(_networkd.members(node.files, name))
    guests = [port for port in enslaved(node, name) if port not in own]
    if not guests:
        return []
    return [f"{where}: not removed, {', '.join(guests)} is attached to it; stop or move what uses it first"]


def node_wide(node: Node, where: str, wanted: Object) -> list[str]:
    """What the node as a whole can't do."""
    errors = []
    if wanted["vlan_aware"] and not node.vlan_filtering:
        errors.append(
            f"{where}: vlan_aware needs a kernel with CONFIG_BRIDGE_VLAN_FILTERING, which this node's has not; "
            "use Debian's kernel or vlan_aware: false"
        )
    if node.network_manager:
        errors.append(
            f"{where}: NetworkManager runs on the node and would undo the change; move its connections to ifupdown or "
            "systemd-networkd, then systemctl disable --now NetworkManager"
        )
    return errors


def addressed(node: Node, where: str, wanted: Object, task: Task) -> list[str]:
    """A bond that is a port has no addresses of its own."""
    bridge = task.bridge_of(node, wanted["name"]) if wanted["type"] == "bond" else None
    given = [key for key in ("addresses", "gateway", "dns", "routes") if wanted[key]]
    return [f"{where}: it is a port of {bridge}; put its {' and '.join(given)} there"] if bridge and given else []


def check(node: Node, wanted: Object, task: Task, leaving: set[tuple[str, str]]) -> None:
    """Raise ResourceError with everything that is wrong with the options of one object."""
    where = f"{node.host}: {wanted['type']} {wanted['name']}"
    if wanted["state"] == "absent":
        errors = removal(node, where, wanted["name"], leaving)
    else:
        errors = options(where, wanted) + node_wide(node, where, wanted) + link(node, where, wanted)
        errors += ports(node, where, wanted, task, leaving) + mtu(node, where, wanted)
        errors += addressed(node, where, wanted, task)
    if errors:
        raise ResourceError("\n".join(f"{entry}." for entry in errors))


def policy(node: Node, wanted: Object) -> None:
    """Raise ResourceError for a change of links whose routes would not be brought back."""
    for name in (wanted["name"], *(wanted["ports"] or [])):
        if tables := node.policy.get(name):
            raise ResourceError(
                f"{node.host}: {wanted['type']} {wanted['name']}: {name} has routes in table {', '.join(tables)}, "
                "which neither the change nor its rollback would keep; remove them and their rules, and put them into "
                f"{_networkd.path(wanted['name'], 'network')}.d/policy.conf afterwards (systemd.network(5))."
            )


def check_complete(node: Node, wanted: Object) -> None:
    """Raise ResourceError for what only the complete options show."""
    errors = gateways(f"{node.host}: {wanted['type']} {wanted['name']}", wanted)
    if errors:
        raise ResourceError("\n".join(f"{entry}." for entry in errors))


def together(items: list[Object]) -> None:
    """Raise ResourceError when two objects of one task claim one port."""
    taken: dict[str, str] = {}
    for item in items:
        names = [item["name"]] if item["type"] == "interface" else item["ports"] or []
        for port in names if item["state"] == "present" else []:
            other = taken.setdefault(port, item["name"])
            if other != item["name"]:
                raise ResourceError(
                    f"{item['name']}: port {port} is claimed by {other} too; a port has one bridge or bond."
                )
