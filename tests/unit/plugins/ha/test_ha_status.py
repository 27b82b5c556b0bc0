"""What is said of a cluster that is not as it shall be."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.cairn.hci.plugins.module_utils._ha_status import ha_problems
from ansible_collections.cairn.hci.plugins.module_utils._node_ha import corosync, report
from ansible_collections.cairn.hci.plugins.module_utils._rbd_locks import stale

PLAN = {
    "members": [{"name": "node1"}, {"name": "node2"}],
    "devices": [{"id": "fence-storage", "agent": "fence_cairn_storage"}, {"id": "watchdog", "agent": "fence_watchdog"}],
}
VMS = {
    "web1": {"ha": True, "state": "present", "power": "running", "nodes": ["node1"]},
    "off": {"ha": True, "state": "present", "power": "stopped", "nodes": ["node1"]},
    "pinned": {"ha": False, "state": "present", "power": "running", "nodes": ["node1"]},
}
WELL: dict[str, Any] = {
    "quorum": True,
    "nodes": {name: {"online": True, "unclean": False} for name in ("node1", "node2")},
    "resources": {
        "fence-storage": {"role": "Started", "nodes": ["node1"]},
        "vm-web1": {"role": "Started", "nodes": ["node1"]},
        "vm-off": {"role": "Stopped", "nodes": []},
    },
    "failures": {},
    "stale_locks": [],
}


def problems(**changes: Any) -> list[str]:
    found = deepcopy(WELL)
    for path, value in changes.items():
        place, _dot, key = path.partition("__")
        if key:
            found[place][key.replace("_", "-")] = value
        else:
            found[place] = value
    return list(ha_problems(PLAN, found, VMS))


def test_all_is_well() -> None:
    assert problems() == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"quorum": False}, "no quorum"),
        ({"nodes__node2": {"online": False, "unclean": True}}, "node2 is lost and could not be fenced"),
        ({"nodes__node2": {"online": False, "unclean": False}}, "node2 is not in the cluster"),
        ({"resources__fence_storage": {"role": "Stopped", "nodes": []}}, "fence device fence-storage does not work"),
        ({"failures": {"vm-web1": "start on node1: no such image"}}, "vm-web1 failed: start on node1: no such image"),
        ({"resources__vm_web1": {"role": "Stopped", "nodes": []}}, "web1 is Stopped for Pacemaker"),
        ({"resources__vm_web1": {"role": "Started", "nodes": ["node2"]}}, "web1 is on node2, where it may not run"),
        ({"stale_locks": [{"image": "web1.disk0", "vm": "web1", "owner": "10.0.0.2"}]}, "web1.disk0 is locked by"),
    ],
)
def test_one_sentence_each(changes: dict[str, Any], words: str) -> None:
    (sentence,) = problems(**changes)
    assert words in sentence


def test_stale_locks() -> None:
    held = {"web1.disk0": "10.0.0.1", "web2.disk0": "10.0.0.1", "off.disk0": "10.0.0.3"}
    disks = {image: image.partition(".")[0] for image in held}
    found = stale(held, disks, {"web1": "10.0.0.1", "web2": "10.0.0.2", "off": None})
    assert [lock["vm"] for lock in found] == ["off", "web2"]


OURS = """
totem {
    cluster_name: cairn
}
nodelist {
    node {
        name: node1
        nodeid: 1
        ring0_addr: 10.0.0.1
    }
    node {
        name: node7
        nodeid: 4
    }
}
"""


@pytest.mark.parametrize(
    ("text", "nodes"),
    [(OURS, {"node1": 1, "node7": 4}), (OURS.replace("cairn", "debian"), {}), ("", {})],
)
def test_the_ids_of_nodes_in_corosync_conf(text: str, nodes: dict[str, int]) -> None:
    assert corosync(text) == nodes


@pytest.mark.parametrize("device", ["/dev/watchdog1", "/dev/watchdog"])
def test_the_time_of_a_watchdog_that_is_fed(tmp_path: Path, device: str) -> None:
    fed = "watchdog1" if device == "/dev/watchdog1" else "watchdog0"
    texts = {"etc/default/sbd": "SBD_WATCHDOG_TIMEOUT=5\n", "run/sbd.pid": "        12\n"}
    texts |= {
        f"sys/class/watchdog/{name}/timeout": "7\n" if name == fed else "60\n" for name in ("watchdog0", "watchdog1")
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert report(tmp_path)["watchdog_timeout"] is None
    # Its title is in the place of its environment.
    opened = tmp_path / "proc/12/fd"
    opened.mkdir(parents=True)
    (opened / "0").symlink_to("/dev/null")
    assert report(tmp_path)["watchdog_timeout"] is None
    (opened / "3").symlink_to(device)
    assert report(tmp_path)["watchdog_timeout"] == 7


def test_whether_the_daemon_of_a_remote_node_runs(tmp_path: Path) -> None:
    assert report(tmp_path)["remote"] is False
    (tmp_path / "proc/12").mkdir(parents=True)
    (tmp_path / "proc/12/comm").write_text("pacemaker-remot\n")
    assert report(tmp_path)["remote"] is True


@pytest.mark.parametrize(
    "services", [[], ["corosync.service", "pacemaker.service"], ["pacemaker_remote.service"]], ids=str
)
def test_the_services_of_a_kind_of_node(tmp_path: Path, services: list[str]) -> None:
    units = tmp_path / "usr/lib/systemd/system"
    units.mkdir(parents=True)
    for name in (*services, "pacemaker.service.wants"):
        (units / name).touch()
    assert report(tmp_path)["services"] == services
