"""Where VMs are placed: within capacity, the same every time, and existing ones stay."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.cairn.hci.plugins.module_utils._placement import Guest, Host, place
from ansible_collections.cairn.hci.plugins.module_utils._resource import ResourceError
from hypothesis import given
from hypothesis import strategies as st

GIB = 1024**3
HOSTS = st.lists(st.tuples(st.integers(0, 64), st.integers(1, 64)), min_size=1, max_size=6).map(
    lambda sizes: [Host(f"node{n}", memory * GIB, vcpus) for n, (memory, vcpus) in enumerate(sizes)]
)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Host], list[Guest]]:
    """Nodes, and VMs some of which are pinned or exist."""
    hosts = draw(HOSTS)
    names = st.sampled_from([host.name for host in hosts])
    guests = [
        Guest(
            f"vm{number}",
            draw(st.integers(1, 24)) * GIB,
            draw(st.integers(1, 8)),
            node=draw(st.none() | names),
            home=draw(st.none() | names),
            among=frozenset(host.name for host in hosts),
        )
        for number in range(draw(st.integers(0, 12)))
    ]
    return hosts, guests


def attempt(hosts: list[Host], guests: list[Guest]) -> dict[str, str] | None:
    """The placement; None when there is none."""
    try:
        return place(hosts, guests)
    except ResourceError:
        return None


@given(worlds())
def test_no_node_gets_more_than_it_has(world: tuple[list[Host], list[Guest]]) -> None:
    hosts, guests = world
    placed = attempt(hosts, guests)
    if placed is None:
        return
    assert placed.keys() == {guest.name for guest in guests}
    for host in hosts:
        there = [guest for guest in guests if placed[guest.name] == host.name]
        assert sum(guest.memory for guest in there) <= host.memory
        assert sum(guest.vcpus for guest in there) <= host.vcpus


@given(worlds(), st.randoms())
def test_the_order_of_the_inventory_does_not_matter(world: tuple[list[Host], list[Guest]], random: Any) -> None:
    hosts, guests = world
    shuffled = list(guests)
    random.shuffle(shuffled)
    assert attempt(hosts, guests) == attempt(hosts, shuffled)


@given(worlds())
def test_a_second_run_moves_nothing(world: tuple[list[Host], list[Guest]]) -> None:
    hosts, guests = world
    placed = attempt(hosts, guests)
    if placed is not None:
        there = [
            Guest(g.name, g.memory, g.vcpus, node=g.node, home=placed[g.name], among=g.among, settled=True)
            for g in guests
        ]
        assert place(hosts, there) == placed


@given(worlds())
def test_pins_win_and_existing_vms_stay(world: tuple[list[Host], list[Guest]]) -> None:
    hosts, guests = world
    placed = attempt(hosts, guests)
    for guest in guests if placed is not None else []:
        if guest.node or guest.home:
            assert placed is not None
            assert placed[guest.name] == (guest.node or guest.home)


def test_vms_are_spread() -> None:
    hosts = [Host(f"node{n}", 16 * GIB, 16) for n in range(3)]
    placed = place(hosts, [Guest(f"vm{n}", GIB, 1) for n in range(6)])
    assert sorted(placed.values()) == ["node0", "node0", "node1", "node1", "node2", "node2"]


def test_a_packing_is_found_where_the_spread_leaves_no_room() -> None:
    hosts = [Host("node0", 6 * GIB, 16), Host("node1", 4 * GIB, 16)]
    guests = [Guest("a", 4 * GIB, 1), Guest("b", 3 * GIB, 1), Guest("c", 3 * GIB, 1)]
    assert place(hosts, guests) == {"a": "node1", "b": "node0", "c": "node0"}


def test_a_vm_that_runs_is_not_refused_because_its_node_is_full() -> None:
    assert place([Host("node0", GIB, 1)], [Guest("a", 4 * GIB, 4, home="node0", settled=True)]) == {"a": "node0"}


def test_the_sentence_about_a_vm_without_room() -> None:
    hosts = [Host(f"node{n}", 4 * GIB, 16) for n in range(2)]
    with pytest.raises(ResourceError, match=r"^b: no node has 2 GiB of memory and 1 vcpus left beside the other VMs; "):
        place(hosts, [Guest("a", 3 * GIB, 1), Guest("b", 2 * GIB, 1), Guest("c", 3 * GIB, 1)])
