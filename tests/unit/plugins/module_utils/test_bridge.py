"""Plans of bridges and plain links: current, wanted, changes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.cairn.hci.plugins.module_utils import _bridge, _bridge_checks, _network_change, _networkd
from ansible_collections.cairn.hci.plugins.module_utils._resource import ResourceError

Object = dict[str, Any]
NONE, GONE = _bridge.Task(), _bridge.Task(leaving=frozenset({"lan"}))
MAC = "52:54:00:00:00:01"
INTERFACES = "auto eno1\niface eno1 inet static\n  address 192.0.2.11/24\n  gateway 192.0.2.1\n"


def link(name: str, *, kind: str | None = None, master: str | None = None, **more: Any) -> Object:
    data: Object = {
        "ifname": name,
        "mtu": 1500,
        "min_mtu": 68,
        "max_mtu": 9216,
        "address": MAC,
        "flags": ["UP"],
        "addr_info": [],
    }
    data |= {"linkinfo": {"info_kind": kind, "info_data": {}}} if kind else {}
    return data | ({"master": master} if master else {}) | more


def static(address: str) -> Object:
    ip, _slash, prefix = address.partition("/")
    return {"family": "inet6" if ":" in ip else "inet", "local": ip, "prefixlen": int(prefix), "scope": "global"}


def wanted(name: str = "lan", **options: Any) -> Object:
    keys = ("ports", "bond", "vlan_aware", "mtu", "addresses", "gateway", "dns", "routes", "vxlan")
    return {"name": name, "type": "bridge", "state": "present"} | dict.fromkeys(keys) | options


ADDRESSES = [static("192.0.2.11/24"), static("2001:db8::11/64")]
DEFAULT = {"dst": "default", "gateway": "192.0.2.1"}
FRESH = _bridge.Node(
    host="node1",
    links={"lo": link("lo"), "eno1": link("eno1", addr_info=ADDRESSES), "eno2": link("eno2")},
    routes=[DEFAULT | {"dev": "eno1"}, {"dst": "10.0.0.0/8", "gateway": "192.0.2.9", "dev": "eno1"}],
    ifupdown={"/etc/network/interfaces": INTERFACES},
)


def converged(node: _bridge.Node, options: Object) -> _bridge.Node:
    """The node after `options` (complete) were applied."""
    name = options["name"]
    links = dict(node.links)
    if options["type"] != "interface":
        links[name] = link(name, kind=options["type"])
    for port in options["ports"]:
        links[port] = links[port] | {"master": name, "addr_info": []}
    mtu = options["mtu"] or 1500
    static_entries = [static(entry) for entry in options["addresses"] if entry not in _networkd.WORDS]
    links[name] = links[name] | {"addr_info": static_entries, "mtu": mtu}
    routes = [{"dst": "default", "gateway": ip, "dev": name, "protocol": "static"} for ip in options["gateway"]]
    routes += [{"dst": r["to"], "gateway": r["via"], "dev": name, "protocol": "static"} for r in options["routes"]]
    return replace(node, links=links, routes=routes, files=_networkd.files(options))


def plan(node: _bridge.Node, item: Object) -> dict[str, tuple[Any, Any]]:
    full = item if item["state"] == "absent" else _bridge.complete(node, item, NONE)
    changes = _bridge.plan(node, _bridge.to_dict(node, item["name"]), full)
    return {change.field: (change.before, change.after) for change in changes}


LAN = _bridge.complete(FRESH, wanted(ports=["eno1"]), NONE)
READY = converged(FRESH, LAN)


def test_a_new_bridge_takes_everything_from_its_port() -> None:
    assert LAN["addresses"] == ["192.0.2.11/24", "2001:db8::11/64"]
    assert LAN["gateway"] == ["192.0.2.1"]
    assert LAN["routes"] == [{"to": "10.0.0.0/8", "via": "192.0.2.9"}]
    assert LAN["mac"] == MAC
    assert plan(FRESH, wanted(ports=["eno1"])).keys() == {"type", "ports", "addresses", "gateway", "routes"}


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        ({"ports": ["eno1"]}, {}),
        ({}, {}),
        ({"ports": ["eno1"], "addresses": ["keep"]}, {}),
        ({"mtu": 9000}, {"mtu": (1500, 9000)}),
        ({"addresses": []}, {"addresses", "gateway", "routes"}),
        ({"ports": ["eno1", "eno2"]}, {"ports": (["eno1"], ["eno1", "eno2"])}),
        ({"ports": []}, {"ports": (["eno1"], [])}),
        ({"vlan_aware": True}, {"vlan_aware": (False, True)}),
        ({"dns": ["192.0.2.53"]}, {"dns": ([], ["192.0.2.53"])}),
        ({"gateway": ["192.0.2.2"]}, {"gateway": (["192.0.2.1"], ["192.0.2.2"])}),
        ({"state": "absent"}, {"state": ("present", "absent")}),
    ],
)
def test_plans_of_a_bridge_that_is_there(options: Object, changes: Any) -> None:
    found = plan(READY, wanted(**options))
    assert (found if isinstance(changes, dict) else found.keys()) == changes


@pytest.mark.parametrize("name", ["lan", "eno9"])
def test_what_is_not_there_need_not_be_removed(name: str) -> None:
    assert plan(FRESH, wanted(name, state="absent")) == {}


def test_a_bridge_without_its_files_is_persisted() -> None:
    assert plan(replace(READY, files={}), wanted(ports=["eno1"])) == {"persisted": (False, True)}


def test_a_file_that_was_edited_is_written_again() -> None:
    path = _networkd.path("lan", "netdev")
    edited = replace(READY, files=READY.files | {path: READY.files[path].replace("STP=no", "STP=yes")})
    assert plan(edited, wanted(ports=["eno1"])) == {"persisted": (False, True)}


def test_a_port_that_fell_off_is_put_back() -> None:
    loose = replace(READY, links=READY.links | {"eno1": link("eno1")})
    assert plan(loose, wanted(ports=["eno1"])) == {"ports": ([], ["eno1"])}


def test_taps_and_virtual_addresses_of_others_are_no_difference() -> None:
    links = READY.links | {"vnet0": link("vnet0", kind="tun", master="lan")}
    links["lan"] = links["lan"] | {"addr_info": [*links["lan"]["addr_info"], static("192.0.2.100/32")]}
    node = replace(READY, links=links)
    assert plan(node, wanted(ports=["eno1"])) == {}
    assert (_bridge.to_dict(node, "lan") or {})["guests"] == ["vnet0"]


def test_a_change_without_confirmation_is_made_again() -> None:
    assert plan(replace(READY, pending=True), wanted(ports=["eno1"])) == {"unconfirmed": (True, False)}


@pytest.mark.parametrize(
    ("given", "kept", "expected"),
    [
        (None, ["dhcp"], ["dhcp"]),
        ([], ["192.0.2.1/24"], []),
        (["keep", "10.0.0.1/24"], ["192.0.2.1/24"], ["192.0.2.1/24", "10.0.0.1/24"]),
        (["keep", "10.0.0.1/24"], ["10.0.0.9/24"], ["10.0.0.1/24"]),
        (["keep", "10.0.0.1/24"], ["10.0.0.1/24"], ["10.0.0.1/24"]),
        (["10.0.0.1/24", "auto", "dhcp"], [], ["dhcp", "auto", "10.0.0.1/24"]),
    ],
)
def test_addresses_given_and_kept(given: list[str] | None, kept: list[str], expected: list[str]) -> None:
    assert _bridge.merged(given, kept) == expected


def test_a_lease_is_taken_over_as_dhcp_with_its_gateway() -> None:
    lease = static("192.0.2.11/24") | {"dynamic": True}
    node = replace(FRESH, links=FRESH.links | {"eno1": link("eno1", addr_info=[lease])}, ifupdown={})
    full = _bridge.complete(node, wanted(ports=["eno1"]), NONE)
    assert (full["addresses"], full["gateway"]) == (["dhcp"], [])


def test_a_renamed_bridge_has_what_the_old_one_had() -> None:
    full = _bridge.complete(READY, wanted("net0", ports=["eno1"]), GONE)
    assert full["addresses"] == LAN["addresses"]
    assert full["gateway"] == ["192.0.2.1"]


BAD: dict[str, tuple[Object, str]] = {
    "missing port": ({"ports": ["eno7"]}, "port eno7 does not exist; the node has eno1, eno2"),
    "port elsewhere": ({"name": "net0", "ports": ["eno1"]}, "port eno1 belongs to lan already"),
    "bridge as port": ({"name": "net0", "ports": ["lan"]}, "port lan is a bridge itself"),
    "name of a link": ({"name": "eno2"}, "eno2 is an interface already"),
    "long name": ({"name": "a" * 16}, "1 to 15 characters"),
    "mtu": ({"ports": ["eno1"], "mtu": 65000}, "MTU 65000 is not within what lan can do (68 to 9216 bytes)"),
    "address": ({"addresses": ["192.0.2.1"]}, "address '192.0.2.1' is not like 192.0.2.11/24"),
    "gateway": ({"gateway": ["gw"]}, "gateway 'gw' is not an IP address"),
    "vlan": ({"vlan_aware": True}, "CONFIG_BRIDGE_VLAN_FILTERING"),
    "interface": ({"name": "eno7", "type": "interface"}, "there is no interface eno7; the node has eno1, eno2, lan"),
    "enslaved": ({"name": "eno1", "type": "interface"}, "it is a port of lan"),
    "vni": ({"vxlan": {"id": 2**24, "local": "10.0.0.1", "remotes": [], "port": 4789}}, "not within 1 and 16777215"),
    "route": ({"routes": [{"to": "10.0.0.0", "via": None}]}, "needs a network"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_options_are_one_sentence_each(case: str) -> None:
    options, message = BAD[case]
    item = wanted(**options)
    with pytest.raises(ResourceError) as caught:
        _bridge_checks.check(replace(READY, vlan_filtering=False), item, NONE, set())
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"node1: {item['type']} {item['name']}: ")


JOINED = wanted("bond0", type="bond", ports=["eno1", "eno2"])
TASK = [JOINED, wanted(ports=["bond0"])]


def bonded() -> tuple[_bridge.Node, list[Object]]:
    """A node whose bridge is on a bond, and the complete options of both."""
    task = _bridge.Task.of(TASK)
    bond, lan = (_bridge.complete(FRESH, item, task) for item in TASK)
    node = converged(converged(FRESH, bond), lan)
    data = {"mode": "active-backup", "miimon": 100, "xmit_hash_policy": "layer2", "ad_lacp_rate": "slow"}
    itself = link("bond0", kind="bond", master="lan") | {"linkinfo": {"info_kind": "bond", "info_data": data}}
    return replace(node, links=node.links | {"bond0": itself}, files=_networkd.files(bond) | _networkd.files(lan)), [
        bond,
        lan,
    ]


def test_a_bridge_on_a_new_bond_has_what_the_interface_below_had() -> None:
    node, (bond, lan) = bonded()
    assert (bond["addresses"], bond["gateway"], bond["master"]) == ([], [], "lan")
    assert lan["addresses"] == LAN["addresses"]
    assert (lan["gateway"], lan["mac"], bond["mac"]) == (["192.0.2.1"], MAC, MAC)
    assert "Bridge=lan" in node.files[_networkd.path("bond0", "network")]
    assert "Bond=bond0" in node.files[_networkd.path("eno2", "network")]


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        ({}, set()),
        ({"ports": ["eno2"]}, {"ports"}),
        ({"bond": {"mode": "802.3ad", "miimon": 100}}, {"bond"}),
        ({"bond": {"mode": "active-backup", "miimon": 50}}, {"bond"}),
        ({"mtu": 9000}, {"mtu"}),
        ({"state": "absent"}, {"state"}),
    ],
)
def test_plans_of_a_bond_that_is_there(options: Object, changes: set[str]) -> None:
    node, _items = bonded()
    assert plan(node, wanted("bond0", type="bond", **options)).keys() == changes
    assert plan(node, wanted(ports=["bond0"])) == {}


def test_an_interface_goes_from_a_bridge_into_its_bond() -> None:
    task = _bridge.Task.of(TASK)
    items = [_bridge.complete(READY, item, task) for item in TASK]
    assert items[1]["addresses"] == LAN["addresses"]
    change = _network_change.make(READY, items, task)
    assert change.created == {"bond0"}
    assert "Bond=bond0" in (change.files[_networkd.path("eno1", "network")] or "")
    assert "link set dev eno1 master lan" in _network_change.live_batch(READY, change)
    for item in TASK:
        _bridge_checks.check(READY, item, task, _bridge_checks.released(READY, TASK))


def test_another_mode_makes_a_bond_anew_and_the_rollback_the_old_one() -> None:
    node, _items = bonded()
    item = wanted("bond0", type="bond", bond={"mode": "balance-xor", "miimon": 100})
    change = _network_change.make(node, [_bridge.complete(node, item, NONE)], NONE)
    assert "ip link delete dev bond0" in change.before
    script = _network_change.apply_script(change, [], 1)
    assert "networkctl reconfigure eno1" in script
    assert "networkctl reconfigure bond0" not in script
    lines = _network_change.live_batch(node, change)
    made = lines.index(
        f"link add name bond0 address {MAC} type bond mode active-backup miimon 100 xmit_hash_policy layer2"
    )
    assert lines.index("link delete dev bond0") < made < lines.index("link set dev eno1 down")


def test_a_bridge_and_its_bond_that_go_together_give_the_addresses_to_the_interface() -> None:
    node, _items = bonded()
    items = [wanted(state="absent"), wanted("bond0", type="bond", state="absent")]
    change = _network_change.make(node, items, _bridge.Task.of(items))
    assert "Address=192.0.2.11/24" in (change.files[_networkd.path("eno1", "network")] or "")
    assert change.deleted == {"lan", "bond0"}


def test_a_bond_that_leaves_its_bridge_takes_the_address_of_storage() -> None:
    node, _items = bonded()
    items = [wanted("bond0", type="bond", addresses=["10.10.0.1/24"]), wanted(ports=[])]
    task = _bridge.Task.of(items)
    change = _network_change.make(node, [_bridge.complete(node, item, task) for item in items], task)
    assert "Address=10.10.0.1/24" in (change.files[_networkd.path("bond0", "network")] or "")


MADE_BY_IFUPDOWN = {
    "vlan as port": (wanted(ports=["eno1.10"]), "eno1.10 is a vlan that /etc/network/interfaces makes; make it with"),
    "vlan with addresses": (wanted("eno1.10", type="interface"), "make it with a .netdev of systemd-networkd"),
    "bond as port": (wanted(ports=["bond0"]), "bond0 is a bond that /etc/network/interfaces makes; declare it in"),
}


@pytest.mark.parametrize("case", MADE_BY_IFUPDOWN)
def test_a_link_that_would_not_be_there_after_the_next_start_is_refused(case: str) -> None:
    item, message = MADE_BY_IFUPDOWN[case]
    links = FRESH.links | {"eno1.10": link("eno1.10", kind="vlan"), "bond0": link("bond0", kind="bond")}
    text = "iface eno1.10 inet static\n  address 192.0.2.7/24\niface bond0 inet manual\n  bond-slaves eno1 eno2\n"
    node = replace(FRESH, links=links, ifupdown={"/etc/network/interfaces": text})
    with pytest.raises(ResourceError, match=re.escape(message)):
        _bridge_checks.check(node, item, _bridge.Task.of([item]), set())
    _bridge_checks.check(replace(node, ifupdown={}), item, _bridge.Task.of([item]), set())


BAD_BONDS: dict[str, tuple[Object, str]] = {
    "missing port": ({"ports": ["eno7"]}, "port eno7 does not exist; the node has bond0, eno1, eno2"),
    "no port": ({"ports": []}, "a bond has at least one port"),
    "bridge as port": ({"name": "b1", "ports": ["lan"]}, "port lan is no interface of the hardware"),
    "bond as port": ({"name": "b1", "ports": ["bond0"]}, "port bond0 is no interface of the hardware"),
    "port elsewhere": ({"name": "b1", "ports": ["eno1"]}, "port eno1 belongs to bond0 already"),
    "name of a bridge": ({"name": "lan"}, "lan is a bridge already; give the bond another name"),
    "address": ({"addresses": ["10.0.0.1/8"]}, "it is a port of lan; put its addresses there"),
    "primary": ({"ports": ["eno1"], "bond": {"primary": "eno2"}}, "primary eno2 is none of its ports eno1"),
    "lacp_rate": ({"bond": {"lacp_rate": "fast"}}, "lacp_rate means nothing in mode active-backup"),
    "vlan_aware": ({"vlan_aware": True}, "vlan_aware and vxlan are for bridges"),
    "removal": ({"state": "absent"}, "not removed, it is a port of lan; give that other ports first"),
}


@pytest.mark.parametrize("case", BAD_BONDS)
def test_bad_bonds_are_one_sentence_each(case: str) -> None:
    options, message = BAD_BONDS[case]
    node, _items = bonded()
    item = wanted(**{"name": "bond0", "type": "bond"} | options)
    with pytest.raises(ResourceError) as caught:
        _bridge_checks.check(node, item, _bridge.Task.of([item]), set())
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"node1: bond {item['name']}: ")


def test_routes_that_a_rollback_would_not_bring_back_are_refused() -> None:
    node = replace(FRESH, policy={"eno1": ["100"]})
    with pytest.raises(ResourceError, match=r"eno1 has routes in table 100, .*05-cairn-lan.network.d/policy.conf"):
        _bridge_checks.policy(node, wanted(ports=["eno1"]))
    _bridge_checks.policy(node, wanted(ports=["eno2"]))


def test_networkmanager_is_refused() -> None:
    with pytest.raises(ResourceError, match="NetworkManager runs on the node"):
        _bridge_checks.check(replace(FRESH, network_manager=True), wanted(ports=["eno1"]), NONE, set())


def test_a_gateway_out_of_reach_is_a_typing_error() -> None:
    full = _bridge.complete(FRESH, wanted(ports=["eno1"], addresses=["192.0.2.11/24"], gateway=["192.0.3.1"]), NONE)
    with pytest.raises(ResourceError, match=r"gateway 192\.0\.3\.1 is outside"):
        _bridge_checks.check_complete(FRESH, full)


def test_a_bridge_with_a_guest_is_not_removed() -> None:
    node = replace(READY, links=READY.links | {"vnet0": link("vnet0", kind="tun", master="lan")})
    with pytest.raises(ResourceError, match="not removed, vnet0 is attached"):
        _bridge_checks.check(node, wanted(state="absent"), NONE, set())


def test_a_port_has_one_bridge() -> None:
    with pytest.raises(ResourceError, match="port eno1 is claimed by lan too"):
        _bridge_checks.together([wanted(ports=["eno1"]), wanted("net0", ports=["eno1"])])


def test_taking_over_silences_ifupdown_and_empties_the_port() -> None:
    change = _network_change.make(FRESH, [LAN], NONE)
    assert "#cairn.hci# iface eno1 inet static" in (change.files["/etc/network/interfaces"] or "")
    assert "ip address flush dev eno1 scope global" in change.before
    assert change.created == {"lan"}


def test_a_removed_bridge_gives_its_addresses_back() -> None:
    change = _network_change.make(READY, [wanted(state="absent")], GONE)
    assert change.files[_networkd.path("lan", "network")] is None
    assert "Address=192.0.2.11/24" in (change.files[_networkd.path("eno1", "network")] or "")
    assert change.deleted == {"lan"}
    both = _network_change.make(READY, [wanted(state="absent")], _bridge.Task(leaving=frozenset({"lan", "eno1"})))
    assert both.files[_networkd.path("eno1", "network")] is None


def test_the_rollback_restores_addresses_before_the_routes_that_need_them() -> None:
    change = _network_change.make(FRESH, [LAN], NONE)
    lines = _network_change.live_batch(FRESH, change)
    assert lines[0] == "link set dev eno1 nomaster"
    address, default = "address replace 192.0.2.11/24 dev eno1", "route replace default via 192.0.2.1 dev eno1"
    assert lines.index(address) < lines.index(default)


def test_the_rollback_of_a_boot_touches_files_only() -> None:
    change = _network_change.make(FRESH, [LAN], NONE)
    saved = _network_change.Saved(
        "/state", {"/etc/network/interfaces": "/state/pending/file.0", "/new": None}, {}, False
    )
    script = _network_change.restore_script(FRESH, change, saved)
    files, live = script.split("!= boot ]; then", 1)
    assert "cp -a /state/pending/file.0 /etc/network/interfaces" in files
    assert "rm -f /new" in files
    assert "ip " not in files.replace("ip netns", "")
    assert "ip link delete lan" in live
