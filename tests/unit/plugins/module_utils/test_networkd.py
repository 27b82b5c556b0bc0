"""Options of a link as files of systemd-networkd, and back."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.cairn.hci.plugins.module_utils import _networkd

PLAIN: dict[str, Any] = {
    "name": "lan",
    "type": "bridge",
    "ports": ["eno1"],
    "vlan_aware": False,
    "mtu": None,
    "mac": "52:54:00:00:00:01",
    "addresses": ["192.0.2.11/24"],
    "gateway": ["192.0.2.1"],
    "dns": [],
    "routes": [],
    "vxlan": None,
    "bond": None,
    "master": None,
    "client_id": None,
}
VXLAN = {"id": 100, "local": "10.10.0.1", "remotes": ["10.10.0.2", "10.10.0.3"], "port": 4789}
CASES: dict[str, dict[str, Any]] = {
    "static": {},
    "dhcp": {"addresses": ["dhcp"], "gateway": []},
    "dhcp by DUID": {"addresses": ["dhcp"], "gateway": [], "client_id": "ff656e6f3100010001313a8e0252540012ab56"},
    "both families": {"addresses": ["auto", "192.0.2.11/24", "2001:db8::1/64"], "gateway": ["192.0.2.1", "fe80::1"]},
    "routes": {"routes": [{"to": "10.0.0.0/8", "via": "192.0.2.9"}, {"to": "10.9.0.0/16", "via": None}]},
    "trunk": {"vlan_aware": True, "mtu": 9000, "ports": ["eno1", "eno2"], "dns": ["192.0.2.53"]},
    "no uplink": {"ports": [], "mac": None, "addresses": [], "gateway": []},
    "overlay": {
        "name": "tenant",
        "ports": [],
        "mac": None,
        "mtu": 1450,
        "addresses": [],
        "gateway": [],
        "vxlan": VXLAN,
    },
    "bond": {
        "name": "bond0",
        "type": "bond",
        "ports": ["eno1", "eno3"],
        "mtu": 9000,
        "bond": {"mode": "802.3ad", "miimon": 50, "lacp_rate": "fast", "hash_policy": "layer3+4", "primary": None},
    },
    "bond with a primary": {
        "name": "bond0",
        "type": "bond",
        "ports": ["eno1", "eno3"],
        "bond": {"mode": "active-backup", "miimon": 100, "lacp_rate": None, "hash_policy": None, "primary": "eno3"},
    },
    "interface": {"name": "eno2", "type": "interface", "ports": [], "mac": None, "mtu": 9000},
}


@pytest.mark.parametrize("case", CASES)
def test_options_survive_the_files(case: str) -> None:
    wanted = PLAIN | CASES[case]
    assert _networkd.options(_networkd.files(wanted), wanted["name"]) == wanted


def test_the_bridge_has_the_mac_of_its_port_and_the_port_no_address() -> None:
    files = _networkd.files(PLAIN)
    assert "MACAddress=52:54:00:00:00:01" in files["/etc/systemd/network/05-cairn-lan.netdev"]
    port = files["/etc/systemd/network/05-cairn-eno1.network"]
    assert "Bridge=lan" in port
    assert "Address=" not in port


@pytest.mark.parametrize(
    ("addresses", "gateway", "expected"),
    [
        (["192.0.2.11/24"], "192.0.2.1", False),
        (["192.0.2.11/32"], "198.51.100.1", True),
        (["2001:db8::1/128"], "fe80::1", False),
        (["dhcp"], "192.0.2.1", False),
    ],
)
def test_a_gateway_outside_the_network_is_a_neighbour(addresses: list[str], gateway: str, expected: bool) -> None:
    assert _networkd.on_link(gateway, addresses) is expected


def test_guests_are_left_to_libvirt_and_boots_do_not_wait_for_minutes() -> None:
    files = _networkd.files(PLAIN)
    assert "Name=vnet*" in files[_networkd.GUESTS]
    assert "Unmanaged=yes" in files[_networkd.GUESTS]
    assert "NamePolicy=keep" in files[_networkd.NAMES]
    assert "--timeout=30" in files[_networkd.WAIT_ONLINE]


@pytest.mark.parametrize(
    ("addresses", "ports", "online"), [([], ["eno1"], "no"), (["dhcp"], [], "no"), (["dhcp"], ["eno1"], "yes")]
)
def test_a_boot_waits_for_links_with_an_address_and_an_uplink_only(
    addresses: list[str], ports: list[str], online: str
) -> None:
    text = _networkd.layer3(PLAIN | {"addresses": addresses, "ports": ports, "gateway": []})
    assert f"RequiredForOnline={online}" in text


def test_a_port_is_no_object_of_its_own() -> None:
    assert _networkd.options(_networkd.files(PLAIN), "eno1") is None
    assert _networkd.options({}, "lan") is None
