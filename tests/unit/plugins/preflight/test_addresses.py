"""Addresses are allocated within their network, each once."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.cairn.hci.plugins.module_utils import _addresses
from ansible_collections.cairn.hci.plugins.module_utils._resource import ResourceError
from hypothesis import given
from hypothesis import strategies as st

NETWORKS = st.tuples(st.ip_addresses(v=4), st.integers(8, 30)).map(
    lambda pair: ipaddress.ip_network(pair, strict=False)
)


@given(NETWORKS, st.integers(1, 40))
def test_the_nth_host(net: ipaddress.IPv4Network, place: int) -> None:
    hosts = net.num_addresses - 2
    if place > hosts:
        with pytest.raises(ResourceError, match="has no host address number"):
            _addresses.nth_host(net, place, "cidr")
        return
    found = _addresses.nth_host(net, place, "cidr")
    assert found.ip == net[place]
    assert found.network == net
    assert found.ip not in (net.network_address, net.broadcast_address)


@given(NETWORKS)
def test_no_two_places_have_one_address(net: ipaddress.IPv4Network) -> None:
    places = range(1, min(net.num_addresses - 1, 30))
    assert len({_addresses.nth_host(net, place, "cidr") for place in places}) == len(places)


def test_ipv6() -> None:
    net = _addresses.network("2001:db8::/64", "cidr")
    assert str(_addresses.nth_host(net, 3, "cidr")) == "2001:db8::3/64"


@pytest.mark.parametrize(
    ("text", "found"), [("192.0.2.5", "192.0.2.5/24"), ("192.0.2.5/24", "192.0.2.5/24"), ("2001:db8::1", None)]
)
def test_an_address_with_or_without_prefix(text: str, found: str | None) -> None:
    net = _addresses.network("192.0.2.0/24", "cidr")
    if found is None:
        with pytest.raises(ResourceError, match="is not a host address of"):
            _addresses.place_in(net, text, "address")
    else:
        assert str(_addresses.place_in(net, text, "address")) == found
