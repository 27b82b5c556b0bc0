"""What becomes of a guest on the OSDs of storage VMs, when nodes lose power or restart, or such a VM fails."""

from __future__ import annotations

import json
import time

import pytest
from cluster import Cluster, wait
from testinfra.host import Host
from testinfra.utils.ansible_runner import AnsibleRunner

# Emulated, a node and then its storage VM need some ten minutes until Ceph is whole again.
WHOLE_SECONDS = 3600.0
# Until the others take an OSD for dead (osd_heartbeat_grace is 20 s), and what the slow processors add.
NOTICE_SECONDS = 300.0
# Ceph's mon_clock_drift_allowed, unless it is set; and twice the time between two looks (mon_timecheck_interval).
CLOCK_DRIFT, CLOCK_SECONDS = 0.05, 600.0


def osds_down(cluster: Cluster) -> int:
    """How many OSDs are down, as Ceph knows."""
    status = json.loads(cluster.ask("timeout 60 ceph osd stat -f json") or '{"num_osds": 0, "num_up_osds": 0}')
    return int(status["num_osds"]) - int(status["num_up_osds"])


def clocks_apart(cluster: Cluster) -> list[str]:
    """The monitors whose clocks are too far from the leader's, as Ceph knows. A lab reaches no time server."""
    status = json.loads(cluster.ask("timeout 60 ceph time-sync-status -f json") or "{}")
    skews = {name: entry["skew"] for name, entry in status.get("time_skew_status", {}).items()}
    unknown = [f"{name}: no clock" for name in cluster.nodes if name not in skews]
    return unknown + [f"{name}: {skew:.3f} s" for name, skew in skews.items() if abs(skew) > CLOCK_DRIFT]


def boots(cluster: Cluster) -> list[str]:
    """The number of the present boot of each node; empty where it does not answer."""
    return [str(cluster.on(name, "cat /proc/sys/kernel/random/boot_id").stdout.decode()) for name in cluster.nodes]


def test_a_guest_writes_on_without_a_node_which_rejoins_by_itself(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    wait(cluster.ill, WHOLE_SECONDS)
    guest = next(iter(cluster.guests))
    lost = next(name for name in cluster.nodes if name != cluster.holder(guest))
    run, start = cluster.acks.runs(guest), time.monotonic()
    cluster.kill(lost)
    wait(lambda: [] if osds_down(cluster) else [f"no OSD of {lost} is down"], NOTICE_SECONDS)
    noticed = time.monotonic()
    wait(lambda: [] if cluster.acks.since(guest, noticed) else [f"{guest} does not write"], NOTICE_SECONDS)
    stall = cluster.acks.stall(guest, start, time.monotonic())
    again = time.monotonic()
    cluster.start(lost)
    wait(cluster.ill, WHOLE_SECONDS)
    with capsys.disabled():
        print(
            f"\n{lost} lost: {guest} paused for {stall:.1f} s; whole {time.monotonic() - again:.0f} s after its start"
        )
    assert cluster.acks.runs(guest) == run
    assert cluster.lost(guest) == []


def test_a_storage_vm_whose_kernel_panics_starts_again(
    cluster: Cluster, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    wait(cluster.ill, WHOLE_SECONDS)
    guest = next(iter(cluster.guests))
    run, start = cluster.acks.runs(guest), time.monotonic()
    inventory = request.config.option.ansible_inventory
    store = AnsibleRunner(inventory).get_hosts("storage_vms")[0]
    # A second later, so that this command ends before.
    panic = "sudo systemd-run --on-active=1 sh -c 'echo c > /proc/sysrq-trigger'"
    Host.get_host(f"ansible://{store}", ansible_inventory=inventory, force_ansible=True).check_output(panic)
    wait(lambda: [] if osds_down(cluster) else [f"the OSD of {store} is not down"], NOTICE_SECONDS)
    wait(cluster.ill, WHOLE_SECONDS)
    with capsys.disabled():
        print(f"\n{store} panicked: all is whole after {time.monotonic() - start:.0f} s")
    assert cluster.acks.runs(guest) == run
    assert cluster.lost(guest) == []


def test_all_is_back_by_itself_when_all_nodes_restart(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    before, start = boots(cluster), time.monotonic()
    for name in cluster.nodes:
        cluster.on(name, "systemctl reboot")
    wait(
        lambda: [
            f"{name} has not restarted"
            for name, old, new in zip(cluster.nodes, before, boots(cluster), strict=True)
            if new in ("", old)
        ],
        WHOLE_SECONDS,
    )
    booted = time.monotonic()
    wait(cluster.ill, WHOLE_SECONDS)
    with capsys.disabled():
        print(
            f"\nall nodes restarted after {booted - start:.0f} s, all is whole after {time.monotonic() - start:.0f} s"
        )
    wait(lambda: clocks_apart(cluster), CLOCK_SECONDS)
    assert [problem for guest in cluster.guests for problem in cluster.lost(guest)] == []
