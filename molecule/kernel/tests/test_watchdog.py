"""A node resets itself by its watchdog, and its guest runs elsewhere after that, never before."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import qmp
from cluster import Cluster, wait
from locks import returned
from network import OUT

# Emulated, a node needs minutes for its start, and the guest one more.
SECONDS = 1800.0
# Until the others take it for dead: ha_token and as much again, the attempts at its BMC, twice ha_watchdog_timeout.
RESET_SECONDS = 300.0
# What the fed watchdog is, as the daemon was told.
IDENTITY = '. /etc/default/sbd && cat "/sys/class/watchdog/${SBD_WATCHDOG_DEV##*/}/identity"'


def resets_itself(
    cluster: Cluster, fault: Callable[[str], object], events: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """See what becomes of the guest and of its node after a fault of that node."""
    wait(cluster.ill, SECONDS)
    guest = next(iter(cluster.guests))
    node, run = cluster.holder(guest), cluster.acks.runs(guest)
    assert b"i6300ESB" in cluster.on(node, IDENTITY).stdout
    monitor = Path(json.loads((cluster.lab.driver.directory(cluster.nodes[node]) / "node.json").read_text())["qmp"])
    start = time.monotonic()
    fault(node)
    with ThreadPoolExecutor() as pool:
        reset = pool.submit(lambda: (qmp.event(monitor, events, RESET_SECONDS), time.monotonic() - start))
        wait(lambda: [] if cluster.acks.first(guest, start, run) else [f"{guest} does not answer"], SECONDS)
        answered = (cluster.acks.first(guest, start, run) or 0) - start
        event, after = reset.result(timeout=0)
    elsewhere = next(
        owner.time - start
        for owner in cluster.locks.of[guest]
        if owner.time > start and cluster.addresses.get(owner.address) not in (None, node)
    )
    cluster.heal()
    wait(cluster.ill, SECONDS)
    with capsys.disabled():
        print(
            f"\n{node}: {event} after {after:.0f} s; {guest} runs on {cluster.holder(guest)}"
            f" since {elsewhere:.0f} s, answers since {answered:.0f} s, whole after {time.monotonic() - start:.0f} s"
        )
    assert after < elsewhere
    assert cluster.lost(guest) == []
    assert returned(cluster.locks.of[guest], start) == []


def test_a_node_cut_off_with_its_bmc_dead_resets_itself(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    def fault(node: str) -> None:
        cluster.kill_bmc(node)
        cluster.cable(OUT, (node,))

    resets_itself(cluster, fault, {"RESET", "WATCHDOG"}, capsys)


def test_the_watchdog_itself_resets_a_node_that_does_not_feed_it(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    def fault(node: str) -> None:
        cluster.kill_bmc(node)
        cluster.on(node, "pkill -STOP -x sbd")

    resets_itself(cluster, fault, {"WATCHDOG"}, capsys)
