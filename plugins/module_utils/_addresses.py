# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses: which are valid, which are free, which is whose. Pure, with Python's own ipaddress.

Private to the collection.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TypeAlias

from ansible_collections.cairn.hci.plugins.module_utils._resource import ResourceError

Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"
Interface: TypeAlias = "ipaddress.IPv4Interface | ipaddress.IPv6Interface"
Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"


def address(text: object) -> Address | None:
    """The address that `text` is; None for a name or anything else."""
    try:
        return ipaddress.ip_address(str(text))
    except ValueError:
        return None


def interface(text: str, what: str) -> Interface:
    """An address with its prefix, such as 192.0.2.11/24."""
    try:
        found = ipaddress.ip_interface(text)
    except ValueError:
        raise ResourceError(f"{what}: {text!r} is not an address; write one such as 192.0.2.11/24.") from None
    return found


def network(text: str, what: str) -> Network:
    """A network, such as 192.0.2.0/24."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        pass
    try:
        right = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ResourceError(f"{what}: {text!r} is not a network; write one such as 192.0.2.0/24.") from None
    raise ResourceError(f"{what}: {text!r} has host bits set; did you mean {right}?")


def usable(net: Network, one: Address) -> bool:
    """Whether a host of `net` can have the address: not the network's own, nor the broadcast."""
    if one.version != net.version or one not in net:
        return False
    point_to_point = net.prefixlen >= net.max_prefixlen - 1
    return point_to_point or one not in (net.network_address, net.broadcast_address)


def nth_host(net: Network, place: int, what: str) -> Interface:
    """The host address number `place` of a network, from 1, with the network's prefix."""
    if place >= net.num_addresses or not usable(net, net.network_address + place):
        raise ResourceError(f"{what}: {net} has no host address number {place}; take a larger network.")
    return ipaddress.ip_interface(f"{net.network_address + place}/{net.prefixlen}")


def place_in(net: Network, text: str, what: str) -> Interface:
    """The address `text`, with or without a prefix, as one of a host of `net`."""
    found = interface(text, what)
    if not usable(net, found.ip):
        raise ResourceError(f"{what}: {text} is not a host address of {net}; choose one of that network.")
    if "/" in text and found.network.prefixlen != net.prefixlen:
        raise ResourceError(
            f"{what}: {text} has another prefix than its network {net}; write {found.ip}/{net.prefixlen}."
        )
    return ipaddress.ip_interface(f"{found.ip}/{net.prefixlen}")


def own(addresses: Iterable[str], wanted: Address) -> Interface | None:
    """The entry of `addresses` (with prefixes) that is the address `wanted`."""
    return next((found for found in map(ipaddress.ip_interface, addresses) if found.ip == wanted), None)
