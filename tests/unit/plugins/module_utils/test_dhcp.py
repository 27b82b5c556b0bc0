"""The identifiers by which a DHCP server knows a client."""

from __future__ import annotations

import pytest
from ansible_collections.cairn.hci.plugins.module_utils import _dhcp

MAC = "52:54:00:12:ab:56"
DHCLIENT = 'default-duid "\\000\\001\\000\\0011:\\216\\002RT\\000\\"\\\\V";\nlease {\n  interface "eno1";\n}\n'


def test_networkd() -> None:
    assert _dhcp.from_networkd("# private\nADDRESS=192.0.2.9\nCLIENTID=ff12\n") == "ff12"
    assert _dhcp.from_networkd("ADDRESS=192.0.2.9\n") is None


def test_dhclient() -> None:
    assert _dhcp.from_dhclient(DHCLIENT, MAC) == "ff" + "0012ab56" + "00010001313a8e025254" + "00225c56"
    assert _dhcp.from_dhclient("lease {\n}\n", MAC) is None


def test_dhcpcd() -> None:
    assert _dhcp.from_dhcpcd("00:01:00:01:aa\n", MAC) == "ff0012ab5600010001aa"


@pytest.mark.parametrize("identifier", [None, "01525400000001", "ff0000000100090001aabb"])
def test_without_a_duid_it_is_the_mac(identifier: str | None) -> None:
    assert _dhcp.lines(identifier) == [("ClientIdentifier", "mac")]
    assert _dhcp.from_lines(dict(_dhcp.lines(identifier))) is None
