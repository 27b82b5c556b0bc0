"""Bonds and packet sizes: the plan, and one sentence for each mistake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Plan = Callable[[], dict[str, Any]]
NODES = "node1, node2, node3: "
BOND: dict[str, Any] = {"ports": ["eno1", "eno3"]}
MODES = "active-backup, 802.3ad, balance-xor, balance-rr, balance-tlb, balance-alb, broadcast"


@pytest.fixture
def bonded(world: Any) -> Any:
    """The world; the bridge lan is on a bond of two interfaces, and there is a fourth one."""
    for place, one in enumerate(world.facts.values(), 1):
        for number in (3, 4):
            spare = {"name": f"eno{number}", "mac": f"52:54:00:00:0{number}:0{place}", "addresses": []}
            one["interfaces"].append(one["interfaces"][1] | spare)
    world.nodes["network_bonds"] = {"bond0": dict(BOND)}
    world.nodes["network_bridges"] = {"lan": {"ports": ["bond0"]}}
    return world


def test_a_bond_below_a_bridge(bonded: Any, plan: Plan) -> None:
    node = plan()["nodes"]["node2"]
    given = {"mode": "active-backup", "miimon": 100}
    assert node["bonds"] == [{"name": "bond0", "type": "bond", "ports": ["eno1", "eno3"], "bond": given}]
    assert node["bridges"] == [{"name": "lan", "ports": ["bond0"], "vlan_aware": False}]


def test_a_bond_for_storage(bonded: Any, plan: Plan) -> None:
    bonded.nodes["network_bridges"] = {"lan": {"ports": ["eno1"]}}
    bonded.nodes["network_bonds"] = {"fast": {"ports": ["eno2", "eno3"], "mode": "802.3ad", "lacp_rate": "fast"}}
    bonded.nodes["network_storage"] |= {"interface": "fast", "mtu": 9000}
    node = plan()["nodes"]["node1"]
    (bond,) = node["bonds"]
    assert (bond["addresses"], bond["mtu"]) == (["keep", "10.10.0.1/24"], 9000)
    assert bond["bond"] == {"mode": "802.3ad", "miimon": 100, "lacp_rate": "fast"}
    assert node["interfaces"] == []


@pytest.mark.parametrize("place", ["network_bonds.bond0", "network_bridges.lan"])
def test_a_bond_and_its_bridge_have_one_mtu(bonded: Any, plan: Plan, place: str) -> None:
    variable, name = place.split(".")
    bonded.nodes[variable][name]["mtu"] = 9000
    node = plan()["nodes"]["node1"]
    assert (node["bonds"][0]["mtu"], node["bridges"][0]["mtu"]) == (9000, 9000)


def test_the_guests_of_a_bridge_on_a_bond_have_the_addresses_of_its_interface(bonded: Any, plan: Plan) -> None:
    bonded.nodes["network_bonds"]["bond0"]["ports"] = ["eno3", "eno1"]
    assert plan()["vms"]["web1"]["address"] == "192.0.2.101"


CASES: dict[str, tuple[dict[str, Any], str]] = {
    "missing port": (
        {"network_bonds": {"bond0": {"ports": ["eno1", "eno9"]}}},
        "network_bonds.bond0.ports: there is no link eno9; the node has eno1, eno2, eno3, eno4.",
    ),
    "port of two bonds": (
        {"network_bonds": {"bond0": BOND, "bond1": {"ports": ["eno3", "eno4"]}}},
        "network_bonds: eno3 is a port of bond0 and of bond1; take it out of one.",
    ),
    "port of a bridge, too": (
        {"network_bridges": {"lan": {"ports": ["bond0"]}, "dmz": {"ports": ["eno3"]}}},
        "network_bonds: eno3 is a port of dmz and of bond0; take it out of one.",
    ),
    "port twice": (
        {"network_bonds": {"bond0": {"ports": ["eno1", "eno1"]}}},
        "network_bonds.bond0: port eno1 is named twice; name it once.",
    ),
    "no port": (
        {"network_bonds": {"bond0": {"ports": []}}},
        "network_bonds.bond0: a bond has at least one port; name it in ports.",
    ),
    "ports forgotten": ({"network_bonds": {"bond0": {"mode": "802.3ad"}}}, "network_bonds.bond0.ports is missing."),
    "mode": (
        {"network_bonds": {"bond0": BOND | {"mode": "lacp"}}},
        f"network_bonds.bond0.mode is 'lacp'; choose one of {MODES}.",
    ),
    "miimon": (
        {"network_bonds": {"bond0": BOND | {"miimon": 0}}},
        "network_bonds.bond0.miimon is 0; it must be from 10 to 10000.",
    ),
    "primary elsewhere": (
        {"network_bonds": {"bond0": BOND | {"primary": "eno4"}}},
        "network_bonds.bond0: primary eno4 is none of its ports eno1, eno3; name one of them.",
    ),
    "option of another mode": (
        {"network_bonds": {"bond0": BOND | {"lacp_rate": "fast"}}},
        "network_bonds.bond0: lacp_rate means nothing in mode active-backup; remove it, or use mode 802.3ad.",
    ),
    "bond of a bond": (
        {"network_bonds": {"bond0": BOND, "bond1": {"ports": ["bond0"]}}, "network_bridges": {"lan": {}}},
        "network_bonds.bond1.ports: bond0 is a bond or bridge itself; a bond joins interfaces.",
    ),
    "name of a bridge": (
        {"network_bonds": {"lan": BOND}, "network_bridges": {"lan": {"ports": ["eno4"]}}},
        "lan is in network_bridges and in network_bonds; rename one of them.",
    ),
    "long name": (
        {"network_bonds": {"b" * 16: BOND}, "network_bridges": {"lan": {"ports": ["eno4"]}}},
        f"'{'b' * 16}' can't be the name of a bond; take at most 15 letters and digits.",
    ),
    "storage on its port": (
        {"network_storage": {"interface": "eno3", "cidr": "10.10.0.0/24"}},
        "network_storage.interface eno3 is a port of the bond bond0; name the bond in its place.",
    ),
    "two MTUs": (
        {
            "network_bonds": {"bond0": BOND | {"mtu": 1500}},
            "network_bridges": {"lan": {"ports": ["bond0"], "mtu": 9000}},
        },
        "network_bonds.bond0.mtu is 1500, network_bridges.lan.mtu is 9000; remove that of the bond.",
    ),
    "MTU of the bond": (
        {"network_bonds": {"bond0": {"ports": ["eno1"], "mtu": 9500}}},
        "network_bonds.bond0.ports: eno1 can't carry an MTU of 9500; its most is 9216, lower mtu.",
    ),
    "MTU of the bridge on the bond": (
        {
            "network_bonds": {"bond0": {"ports": ["eno3"]}},
            "network_bridges": {"lan": {"ports": ["bond0"], "mtu": 9500}},
        },
        "network_bonds.bond0.ports: eno3 can't carry an MTU of 9500; its most is 9216, lower mtu.",
    ),
    "MTU of the storage network": (
        {"network_storage": {"interface": "eno2", "cidr": "10.10.0.0/24", "mtu": 9500}},
        "network_storage.interface: eno2 can't carry an MTU of 9500; its most is 9216, lower mtu.",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_one_sentence(bonded: Any, case: str) -> None:
    changes, sentence = CASES[case]
    bonded.nodes |= changes
    assert bonded.judge() == ([NODES + sentence], None)


def test_a_vlan_out_of_range(world: Any) -> None:
    world.hosts["web1"]["vm_nics"] = [{"network": "lan", "vlan": 4095}]
    assert world.judge() == (["web1: vm_nics[0].vlan is 4095; it must be from 1 to 4094."], None)


def test_the_narrowest_node_counts(world: Any) -> None:
    world.nodes["network_bridges"] = {"lan": {"ports": ["eno1"], "mtu": 9000}}
    world.hosts["node2"]["network_bridges"] = {"lan": {"ports": ["eno1"], "mtu": 4000}}
    world.hosts["web1"]["vm_nics"] = [{"network": "lan", "mtu": 9000}]
    sentence = (
        "web1: vm_nics[0].mtu 9000 is more than lan carries: the most is 4000, by lan of node2; lower it, or raise the "
        "mtu of the network."
    )
    assert world.judge() == ([sentence], None)
