# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who a DHCP client says it is, so that the next client gets the same lease. Pure: no I/O.

A server knows a client by its identifier (option 61), and by its MAC only without one. RFC 4361: the octet 255, four
octets of IAID, then the DUID.

Private to the collection.
"""

from __future__ import annotations

import re

_ESCAPED = re.compile(r'\\([0-7]{3})|\\(.)|([^"\\])', re.DOTALL)
DUID_MARK = "ff"
# systemd.network(5), DUIDType=; numbers are not accepted everywhere (systemd 252).
DUID_TYPES = {"0001": "link-layer-time", "0002": "vendor", "0003": "link-layer", "0004": "uuid"}


def from_networkd(lease: str) -> str | None:
    """The identifier in a lease file of networkd, in hexadecimal."""
    found = re.search(r"^CLIENTID=([0-9a-f]+)$", lease, re.MULTILINE)
    return found[1] if found else None


def from_dhclient(leases: str, mac: str) -> str | None:
    """The identifier of ISC's client as ifupdown runs it (`-i`): the IAID is the end of the MAC."""
    found = re.search(r'^default-duid "((?:\\.|[^"\\])*)";', leases, re.MULTILINE | re.DOTALL)
    if not found:
        return None
    parts = (int(octal, 8) if octal else ord(escaped or plain) for octal, escaped, plain in _ESCAPED.findall(found[1]))
    return DUID_MARK + mac.replace(":", "")[-8:] + bytes(parts).hex()


def from_dhcpcd(duid: str, mac: str) -> str:
    """The identifier of dhcpcd with Debian's configuration (`duid`): the IAID is the end of the MAC."""
    return DUID_MARK + mac.replace(":", "")[-8:] + duid.strip().replace(":", "")


def lines(identifier: str | None) -> list[tuple[str, str]]:
    """The lines of networkd's section [DHCPv4] for an identifier; the MAC without one, or with one of another kind."""
    duid = identifier is not None and identifier.startswith(DUID_MARK) and len(identifier) >= 16
    if not identifier or not duid or identifier[10:14] not in DUID_TYPES:
        return [("ClientIdentifier", "mac")]
    iaid, kind, data = identifier[2:10], identifier[10:14], identifier[14:]
    return [
        ("ClientIdentifier", "duid"),
        ("IAID", str(int(iaid, 16))),
        ("DUIDType", DUID_TYPES[kind]),
        ("DUIDRawData", ":".join(data[i : i + 2] for i in range(0, len(data), 2))),
    ]


def from_lines(entries: dict[str, str]) -> str | None:
    """The inverse of `lines`; None also for what they never write."""
    kinds = {name: number for number, name in DUID_TYPES.items()}
    kind, iaid = kinds.get(entries.get("DUIDType", "")), entries.get("IAID", "")
    if kind is None or not iaid.isdecimal():
        return None
    return f"{DUID_MARK}{int(iaid):08x}{kind}" + entries.get("DUIDRawData", "").replace(":", "")
