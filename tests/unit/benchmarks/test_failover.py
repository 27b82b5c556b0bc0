"""What the failover benchmark makes of what it saw."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from _bench import Bench
from _defaults import corosync_conf, resources
from _timeline import EVENTS, svg
from failover import journal, p95


def lines(*messages: tuple[float, str]) -> str:
    """A journal of messages, by the seconds since the epoch."""
    entries = ({"__REALTIME_TIMESTAMP": str(int(time * 1e6)), "MESSAGE": text} for time, text in messages)
    return "\n".join(json.dumps(entry) for entry in entries)


@pytest.mark.parametrize(("count", "value"), [(20, 19.0), (10, 10.0), (1, 1.0), (100, 95.0)])
def test_p95_is_by_nearest_rank(count: int, value: float) -> None:
    assert p95([float(number) for number in range(count, 0, -1)]) == value


def test_a_figure_may_be_another_than_the_median() -> None:
    bench = Bench("x")
    floor = bench.add("baseline_cut_p95", [40.0, 20.0], "s", of=max)
    figure = bench.add("cut_p95", [8.0, 4.0], "s", of=max, against=floor)
    assert (figure["value"], figure["factor"], figure["runs"]) == (8.0, 5.0, [8.0, 4.0])


def test_the_journal_tells_detection_and_fence() -> None:
    text = lines(
        (99.0, "  [TOTEM ] A new membership (1.1) was formed. Members"),
        (101.5, "  [TOTEM ] A new membership (1.2) was formed. Members left: 1"),
        (102.0, "error: Operation 'reboot' targeting alpha by beta for x@gamma: Error occurred (Timed out)"),
        (103.0, "notice: Operation 'reboot' targeting alpha by beta for x@gamma: OK (Done)"),
        (109.0, "  [TOTEM ] A new membership (1.3) was formed. Members joined: 1"),
    )
    assert journal(text, 100.0) == {"detection": 1.5, "fence": 3.0}


def test_the_picture_has_every_event() -> None:
    times = {event: float(place) for place, event in enumerate(EVENTS)}
    root = ElementTree.fromstring(svg("a < b", {"killed": times, "cut": {}}))
    titles = [element.text for element in root.iter("{http://www.w3.org/2000/svg}title")]
    assert titles == list(EVENTS)


def test_the_baseline_has_a_fence_for_each_node_and_a_virtual_domain_for_each_guest() -> None:
    found = ElementTree.fromstring(resources({"a": {"ip": "192.0.2.1"}}, ["web", "db"]))
    assert [(part.get("id"), part.get("type"), part.get("provider")) for part in found] == [
        ("fence-a", "fence_ipmilan", None),
        ("web", "VirtualDomain", "heartbeat"),
        ("db", "VirtualDomain", "heartbeat"),
    ]


def test_the_baseline_has_corosyncs_own_timing() -> None:
    text = corosync_conf({"a": ["192.0.2.11", "10.0.0.1"], "b": ["192.0.2.12", "10.0.0.2"]})
    assert "ring1_addr: 10.0.0.2" in text
    assert "token" not in text
