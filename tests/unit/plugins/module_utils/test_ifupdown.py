"""Links are taken over from ifupdown, reversibly."""

from __future__ import annotations

import pytest
from ansible_collections.cairn.hci.plugins.module_utils import _ifupdown

STOCK = """\
source /etc/network/interfaces.d/*

# The loopback network interface
auto lo
iface lo inet loopback

# The primary network interface
allow-hotplug eno1
iface eno1 inet static
    address 192.0.2.11/24
    gateway 192.0.2.1
    # dns-* options are implemented by the resolvconf package
    dns-nameservers 192.0.2.53 192.0.2.54
iface eno1 inet6 auto

auto eno2 eno3
iface eno2 inet dhcp
iface eno3 inet static
    address 198.51.100.1/24
"""


def test_only_the_stanzas_of_the_link_become_comments() -> None:
    text = _ifupdown.disable(STOCK, {"eno1"})
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert not [line for line in lines if "eno1" in line or "192.0.2" in line]
    assert "iface lo inet loopback" in lines
    assert "auto eno2 eno3" in lines
    assert "iface eno3 inet static" in lines


def test_a_link_leaves_a_line_of_several() -> None:
    assert "#cairn.hci# auto eno2 eno3\nauto eno3\n" in _ifupdown.disable(STOCK, {"eno2"})


@pytest.mark.parametrize("names", [set[str](), {"eno9"}])
def test_other_files_stay_as_they_are(names: set[str]) -> None:
    assert _ifupdown.disable(STOCK, names) == STOCK


def test_twice_is_once() -> None:
    once = _ifupdown.disable(STOCK, {"eno1", "eno2"})
    assert _ifupdown.disable(once, {"eno1", "eno2"}) == once


def test_without_the_marks_it_is_the_original() -> None:
    text = _ifupdown.disable(STOCK, {"eno1"})
    assert text.replace(_ifupdown.MARK, "") == STOCK


@pytest.mark.parametrize(("name", "dhcp"), [("eno1", False), ("eno2", True), ("eno3", False), ("eno9", False)])
def test_who_uses_dhcp(name: str, dhcp: bool) -> None:
    assert _ifupdown.uses_dhcp({"/etc/network/interfaces": STOCK}, name) is dhcp


def test_name_servers_of_a_link() -> None:
    assert _ifupdown.name_servers({"f": STOCK}, "eno1") == ["192.0.2.53", "192.0.2.54"]
