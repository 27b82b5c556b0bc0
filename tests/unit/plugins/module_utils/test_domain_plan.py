"""The plan of a domain, as tables: configuration, running domain, options, changes."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.cairn.hci.plugins.module_utils._domain_plan import plan

GIB = 1024**2
ROOT = {"name": "root", "target": "vda", "bus": "virtio", "file": "/root.img", "iops": 0, "cache": "none"}
DATA = {"name": "data", "target": "vdb", "bus": "virtio", "file": "/data.img", "iops": 0, "cache": "none"}
SATA = {"name": "old", "target": "sda", "bus": "sata", "file": "/old.img", "iops": 0, "cache": "none"}
LAN = {"name": "lan", "mac": "52:54:00:00:00:01", "bridge": "lan", "vlan": 0, "mtu": 0, "link": True}
DMZ = {"name": "dmz", "mac": "52:54:00:00:00:02", "bridge": "dmz", "vlan": 0, "mtu": 0, "link": True}
CONFIG: dict[str, Any] = {
    "name": "web1",
    "title": "",
    "description": "",
    "domain_type": "kvm",
    "vcpus": 2,
    "vcpus_max": 4,
    "memory": "2GiB",
    "memory_max": "8GiB",
    "cpu_model": "host-model",
    "machine": "pc-q35-10.0",
    "firmware": "bios",
    "disks": [ROOT],
    "nics": [LAN],
    "cloud_init": {"file": "/seed.iso"},
    "console_log": True,
    "vnc": False,
    "guest_agent": True,
    "watchdog": False,
    "rng": True,
    "autostart": False,
    "power": "running",
}
FACTS = {"total": 2 * GIB, "ceiling": 8 * GIB, "slots": 16, "vcpus_fixed": 2, "ports": 5, "scsi": False}
LIVE = CONFIG | {"facts": FACTS}
OFF = CONFIG | {"power": "stopped"}


def steps(current: dict[str, Any], live: dict[str, Any] | None, **wanted: Any) -> list[tuple[str, str, bool]]:
    """Field, action and whether it waits for a restart."""
    return [(c.field, c.action, c.restart) for c in plan(current, live, {"name": "web1", **wanted})]


@pytest.mark.parametrize("live", [None, LIVE], ids=["stopped", "running"])
def test_no_change(live: dict[str, Any] | None) -> None:
    current = OFF if live is None else CONFIG
    same = {key: value for key, value in current.items() if key != "name"}
    assert steps(current, live, **same) == []
    assert steps(current, live) == []


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"description": "x"}, [("description", "update", False)]),
        ({"vcpus": 3}, [("vcpus", "update", False)]),
        ({"vcpus": 1}, [("vcpus", "update", True)]),
        ({"vcpus": 6, "vcpus_max": 8}, [("vcpus_max", "update", True), ("vcpus", "update", True)]),
        ({"memory": "4GiB"}, [("memory", "update", False)]),
        ({"memory": "2100MiB"}, [("memory", "update", True)]),
        ({"memory": "1GiB"}, [("memory", "update", False)]),
        ({"memory": "9GiB", "memory_max": "36GiB"}, [("memory_max", "update", True), ("memory", "update", True)]),
        ({"cpu_model": "EPYC"}, [("cpu_model", "update", True)]),
        ({"cloud_init": {"file": "/other.iso"}}, [("cloud_init", "update", True)]),
        ({"cloud_init": {}}, [("cloud_init", "update", True)]),
        ({"watchdog": True}, [("watchdog", "update", True)]),
        ({"autostart": True}, [("autostart", "update", False)]),
        ({"power": "paused"}, [("power", "pause", False)]),
        ({"disks": [ROOT, DATA]}, [("disks.data", "plug", False)]),
        ({"disks": [ROOT, SATA]}, [("disks.old", "plug", True)]),
        ({"disks": []}, [("disks.root", "unplug", False)]),
        ({"disks": [ROOT | {"iops": 100}]}, [("disks.root.iops", "update", False)]),
        ({"disks": [ROOT | {"cache": "writeback"}]}, [("disks.root.cache", "update", True)]),
        ({"disks": [ROOT | {"name": "system"}]}, [("disks.root.name", "update", False)]),
        ({"nics": [LAN, DMZ]}, [("nics.dmz", "plug", False)]),
        ({"nics": [DMZ]}, [("nics.lan", "unplug", False), ("nics.dmz", "plug", False)]),
        (
            {"nics": [LAN | {"bridge": "dmz", "vlan": 7}]},
            [("nics.lan.bridge", "update", False), ("nics.lan.vlan", "update", False)],
        ),
        ({"nics": [LAN | {"mtu": 9000}]}, [("nics.lan.mtu", "update", True)]),
        ({"nics": [LAN | {"mac": "52:54:00:00:00:09"}]}, [("nics.lan.mac", "update", True)]),
        ({"state": "absent"}, [("state", "remove", False)]),
    ],
)
def test_a_running_domain(wanted: dict[str, Any], expected: list[tuple[str, str, bool]]) -> None:
    assert steps(CONFIG, LIVE, **wanted) == expected


@pytest.mark.parametrize(
    "wanted",
    [{"vcpus": 1}, {"cpu_model": "EPYC"}, {"memory": "2100MiB"}, {"disks": [ROOT | {"cache": "writeback"}]}],
)
def test_a_stopped_domain_needs_no_restart(wanted: dict[str, Any]) -> None:
    assert [restart for _field, _action, restart in steps(OFF, None, **wanted)] == [False]
    stops = steps(CONFIG, LIVE, power="stopped", **wanted)
    assert [restart for _field, _action, restart in stops] == [False, False]


def test_a_new_domain_shows_what_it_is() -> None:
    changes = plan(
        None, None, {"name": "web1", "vcpus": 1, "state": "present", "restart": "never", "shutdown_timeout": 9}
    )
    assert [(c.field, c.action) for c in changes] == [("name", "create"), ("vcpus", "create")]
    assert plan(None, None, {"name": "web1", "state": "absent"}) == []


@pytest.mark.parametrize(
    ("config", "live", "wanted", "expected"),
    [
        ({"disks": [ROOT, DATA]}, {}, {"disks": [ROOT, DATA]}, [("disks.data", "plug", False)]),
        ({"disks": [ROOT, SATA]}, {}, {"disks": [ROOT, SATA]}, []),
        ({}, {"disks": [ROOT, DATA]}, {"disks": [ROOT]}, [("disks.data", "unplug", False)]),
        ({}, {"nics": [LAN, DMZ]}, {"nics": [LAN]}, [("nics.dmz", "unplug", False)]),
        ({"nics": [LAN, DMZ]}, {}, {"nics": [LAN, DMZ]}, [("nics.dmz", "plug", False)]),
        ({}, {"disks": [ROOT | {"iops": 5}]}, {"disks": [ROOT]}, [("disks.root.iops", "update", False)]),
        ({}, {"memory": "1GiB"}, {"memory": "2GiB"}, [("memory", "update", False)]),
        ({}, {"memory": "3GiB"}, {"memory": "2GiB"}, []),
        ({}, {"vcpus": 1}, {"vcpus": 2}, [("vcpus", "update", False)]),
        ({}, {"vcpus": 3}, {"vcpus": 2}, []),
        ({}, {"cpu_model": "qemu64"}, {"cpu_model": "host-model"}, []),
    ],
)
def test_a_running_domain_catches_up_with_its_configuration(
    config: dict[str, Any], live: dict[str, Any], wanted: dict[str, Any], expected: list[tuple[str, str, bool]]
) -> None:
    assert steps(CONFIG | config, LIVE | live, **wanted) == expected


def test_without_a_free_port_it_waits_once() -> None:
    full = LIVE | {"facts": FACTS | {"ports": 1}}
    more = {"disks": [ROOT, DATA], "nics": [LAN, DMZ]}
    assert steps(CONFIG, full, **more) == [("disks.data", "plug", False), ("nics.dmz", "plug", True)]
    none = LIVE | {"facts": FACTS | {"ports": 0}}
    assert steps(CONFIG | more, none, **more) == []


ONE, TWO = "0000:03:00.0", "0000:04:00.0"


@pytest.mark.parametrize(
    ("config", "live", "wanted", "restart"),
    [
        ([ONE], [ONE], [ONE, TWO], False),
        ([ONE, TWO], [ONE], [ONE, TWO], False),
        ([ONE], [ONE], [], True),
        ([ONE], [ONE], [TWO], True),
    ],
)
def test_a_device_is_plugged_and_none_is_taken(
    config: list[str], live: list[str], wanted: list[str], restart: bool
) -> None:
    current, running = CONFIG | {"pci_devices": config}, LIVE | {"pci_devices": live}
    assert steps(current, running, pci_devices=wanted) == [("pci_devices", "update", restart)]
    full = running | {"facts": FACTS | {"ports": 0}}
    assert steps(current, full, pci_devices=wanted) == ([] if config == wanted else [("pci_devices", "update", True)])


def test_a_port_is_given_once() -> None:
    one = LIVE | {"pci_devices": [], "facts": FACTS | {"ports": 1}}
    assert steps(CONFIG | {"pci_devices": []}, one, pci_devices=[ONE], disks=[ROOT, DATA]) == [
        ("pci_devices", "update", False),
        ("disks.data", "plug", True),
    ]


def test_memory_without_slots_waits() -> None:
    for facts in ({"slots": 0}, {"ceiling": 0, "slots": 0}):
        assert steps(CONFIG, LIVE | {"facts": FACTS | facts}, memory="3GiB") == [("memory", "update", True)]


def test_a_vcpu_that_was_plugged_can_be_unplugged() -> None:
    now = {"vcpus": 3}
    assert steps(CONFIG | now, LIVE | now, vcpus=2) == [("vcpus", "update", False)]


def test_a_grown_disk_is_told_only_to_a_running_domain() -> None:
    wanted = {"disks": [ROOT | {"size": "20GiB"}]}
    for size, expected in ((10, [("disks.root.size", "grow", False)]), (20, []), (30, [])):
        live = LIVE | {"disks": [ROOT | {"size": size * 1024**3}]}
        assert steps(CONFIG, live, **wanted) == expected
    assert steps(OFF, None, **wanted) == []


def test_restart_allowed_restarts_once() -> None:
    found = plan(CONFIG, LIVE, {"name": "web1", "cpu_model": "EPYC", "vcpus": 3, "restart": "allowed"})
    assert [(c.field, c.action, c.restart) for c in found] == [
        ("vcpus", "update", False),
        ("cpu_model", "update", False),
        ("restart", "restart", False),
    ]
    assert found[-1].after == ["cpu_model"]
    assert steps(CONFIG, LIVE, vcpus=3, restart="allowed") == [("vcpus", "update", False)]


def test_restart_allowed_finishes_what_waits() -> None:
    waits = CONFIG | {"restart_fields": ["cpu_model"]}
    assert steps(waits, LIVE, restart="allowed") == [("restart", "restart", False)]
    assert steps(waits, LIVE, restart="never") == []


def test_disks_of_other_kinds_are_left_alone() -> None:
    foreign = {"name": "vdz", "target": "vdz", "bus": "virtio"}
    hostdev = {"name": "nic1", "mac": "52:54:00:00:00:05"}
    both = {"disks": [ROOT, foreign], "nics": [LAN, hostdev]}
    assert steps(CONFIG | both, LIVE | both, disks=[ROOT], nics=[LAN]) == []


def test_a_nic_goes_from_a_bridge_to_a_network() -> None:
    nic = {key: value for key, value in LAN.items() if key != "bridge"} | {"network": "default"}
    assert steps(CONFIG, LIVE, nics=[nic]) == [
        ("nics.lan.bridge", "update", False),
        ("nics.lan.network", "update", False),
    ]
