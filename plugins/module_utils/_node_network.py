# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interfaces, addresses and routes of a node, as `ip -json` tells them. Pure but for :func:`read`.

Private to the collection.
"""

from __future__ import annotations

import json

from ansible_collections.cairn.hci.plugins.module_utils._node import output
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object


def interface(link: Object) -> Object:
    """One link of `ip -json -details addr`."""
    info = link.get("linkinfo", {})
    data = info.get("info_data", {})
    return {
        "name": link["ifname"],
        "kind": info.get("info_kind") or link["link_type"],
        "mac": link.get("address", ""),
        "mtu": link["mtu"],
        "max_mtu": link.get("max_mtu") or None,
        "up": "UP" in link["flags"],
        "carrier": "LOWER_UP" in link["flags"],
        "master": link.get("master"),
        "vlan_aware": bool(data.get("vlan_filtering")),
        "addresses": [
            f"{address['local']}/{address['prefixlen']}"
            for address in link.get("addr_info", [])
            if address.get("scope") == "global" and "local" in address
        ],
    }


def route(line: Object) -> Object:
    """One line of `ip -json route`."""
    return {
        "to": line["dst"],
        "via": line.get("gateway"),
        "interface": line.get("dev"),
        "metric": line.get("metric", 0),
    }


def vlan_filtering(links: list[Object]) -> bool | None:
    """Whether the kernel's bridges can filter VLANs; None where there is no bridge to see it on.

    Only a kernel that can tells a bridge's VLAN protocol (net/bridge/br_netlink.c, CONFIG_BRIDGE_VLAN_FILTERING).
    """
    infos = [link.get("linkinfo", {}) for link in links]
    bridges = [info.get("info_data", {}) for info in infos if info.get("info_kind") == "bridge"]
    return any("vlan_protocol" in data for data in bridges) if bridges else None


def parse(addresses: str, *routes: str) -> Object:
    """Return interfaces, bridges (their names) and routes from the JSON that `ip` printed."""
    found = [link for link in json.loads(addresses or "[]") if "ifname" in link]
    links = [interface(link) for link in found]
    lines = [line for text in routes for line in json.loads(text or "[]")]
    return {
        "interfaces": [link for link in links if link["kind"] != "loopback"],
        "bridges": [link["name"] for link in links if link["kind"] == "bridge"],
        "vlan_filtering": vlan_filtering(found),
        "routes": [route(line) for line in lines if line.get("type", "unicast") == "unicast" and "dev" in line],
    }


def read() -> Object:
    """Ask the kernel."""
    return parse(
        output("ip", "-json", "-details", "address"),
        output("ip", "-json", "-4", "route", "show"),
        output("ip", "-json", "-6", "route", "show", "default"),
    )
