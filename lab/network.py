"""A lab's links on the host: one bridge per segment, and a way out for the management segment.

Every interface of a lab starts with the lab's own prefix, so that removal needs no record of what was made.
"""

from __future__ import annotations

import ipaddress
import json
from contextlib import suppress
from pathlib import Path

from host import run, run_json
from plan import MANAGEMENT, LabError, Plan, gateway, routes

FAMILY = "lb"
# How a node is cut off: its cable is out, which it sees; or its link is up, and nothing comes through.
IN, OUT, SILENT = "in", "out", "silent"
# What a switch for jumbo frames carries. The nodes' own NICs have 1500 until they are told otherwise.
MTU = "9000"
BRIDGE_OPTIONS = ("stp_state", "0", "forward_delay", "0")


def prefix(lab: str) -> str:
    """What the names of all interfaces of a lab start with (eight characters)."""
    return FAMILY + lab


def bridge(plan: Plan, segment: str) -> str:
    """The host's bridge for a segment."""
    return f"{prefix(plan.lab_id)}b{plan.segments.index(segment)}"


def mac(plan: Plan, segment: str) -> str:
    """The hardware address of the host's bridge for a segment, locally administered."""
    return bytes([2, 0, *bytes.fromhex(plan.lab_id), plan.segments.index(segment)]).hex(":")


def link(plan: Plan, node: int, nic: int) -> str:
    """The host's end of a node's NIC, by the places of both in the plan."""
    return f"{prefix(plan.lab_id)}n{node}e{nic}"


def _foreign(plan: Plan) -> set[ipaddress.IPv4Address]:
    """Addresses of the management subnet that this machine has, or reaches, through other interfaces."""
    found: set[ipaddress.IPv4Address] = set()
    for link in run_json("ip", "-json", "-4", "address"):
        for entry in link.get("addr_info", []):
            if link["ifname"].startswith(prefix(plan.lab_id)) or "local" not in entry:
                continue
            interface = ipaddress.IPv4Interface(f"{entry['local']}/{entry['prefixlen']}")
            if link["ifname"].startswith(FAMILY) and interface.network.overlaps(plan.subnet):
                raise LabError(f"{plan.subnet} is used by another running lab; stop that one or choose other addresses")
            found.add(interface.ip)
    for route in run_json("ip", "-json", "-4", "route"):
        if "gateway" in route:
            found.add(ipaddress.IPv4Address(route["gateway"]))
    for neighbour in run_json("ip", "-json", "-4", "neighbour"):
        if not neighbour["dev"].startswith(FAMILY):
            found.add(ipaddress.IPv4Address(neighbour["dst"]))
    return {address for address in found if address in plan.subnet}


def create(plan: Plan) -> ipaddress.IPv4Address:
    """Bridges, routes and masquerade; returns the gateway's address."""
    foreign = _foreign(plan)
    address = gateway(plan, foreign)
    for segment in plan.segments:
        name = bridge(plan, segment)
        # Else a bridge has the lowest address of its ports, and another one when a node loses power.
        run("ip", "link", "add", name, "address", mac(plan, segment), "type", "bridge", *BRIDGE_OPTIONS)
        run("ip", "link", "set", name, "mtu", MTU, "up")
        if segment != MANAGEMENT:
            # Else this machine would answer for its address on the management segment, as Linux does on all links.
            Path(f"/proc/sys/net/ipv4/conf/{name}/arp_ignore").write_text("1")
    uplink = bridge(plan, MANAGEMENT)
    if foreign:
        run("ip", "address", "add", f"{address}/32", "dev", uplink)
        for part in routes(plan.subnet, foreign):
            run("ip", "route", "add", str(part), "dev", uplink, "src", str(address))
    else:
        run("ip", "address", "add", f"{address}/{plan.subnet.prefixlen}", "dev", uplink)
    for further in sorted({node.bmc.address for node in plan.nodes if node.bmc.address} - {str(address)}):
        if ipaddress.IPv4Address(further) in foreign:
            raise LabError(f"ha_bmc.address {further} is taken outside of the lab; the lab itself has {address}")
        run("ip", "address", "add", f"{further}/32", "dev", uplink)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    run("nft", "-f", "-", stdin=_ruleset(plan))
    return address


def _table(lab: str) -> str:
    return f"cairn_lab_{lab}"


def _ruleset(plan: Plan) -> str:
    return f"""table ip {_table(plan.lab_id)} {{
    chain postrouting {{
        type nat hook postrouting priority srcnat;
        ip saddr {plan.subnet} oifname != "{prefix(plan.lab_id)}*" masquerade
    }}
}}
"""


def remove(lab: str) -> None:
    """Remove every interface and the table of a lab; nothing to do is fine."""
    for link in links(lab):
        run("ip", "link", "delete", link)
    tables = json.loads(run("nft", "-j", "list", "tables"))["nftables"]
    if any(entry.get("table", {}).get("name") == _table(lab) for entry in tables):
        run("nft", "delete", "table", "ip", _table(lab))


def links(lab: str) -> list[str]:
    """All interfaces of a lab that exist on the host."""
    return [link["ifname"] for link in run_json("ip", "-json", "link") if link["ifname"].startswith(prefix(lab))]


def plug(name: str, master: str, cable: str) -> None:
    """Put a host-side link on its bridge, pull its cable, or leave the link up on a switch that forwards nothing."""
    if cable == SILENT:
        run("ip", "link", "set", name, "mtu", MTU, "nomaster", "up")
    else:
        run("ip", "link", "set", name, "mtu", MTU, "master", master, "down" if cable == OUT else "up")


def discard(name: str) -> None:
    """Remove a link that a killed node left: the kernel does so, too, seconds later when the machine is busy."""
    with suppress(LabError):  # It may do so right now.
        if Path("/sys/class/net", name).exists():
            run("ip", "link", "delete", name)


def cables(marker: Path) -> dict[str, str]:
    """The segments that a node is cut from, and how: OUT or SILENT. They stay so when it reboots."""
    lines = marker.read_text().splitlines() if marker.exists() else []
    return dict(line.split() for line in lines)
