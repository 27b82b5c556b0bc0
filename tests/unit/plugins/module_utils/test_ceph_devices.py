"""Which devices become OSDs: the rule of keep, enrol and refuse."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.cairn.hci.plugins.module_utils import _ceph_devices as devices
from ansible_collections.cairn.hci.plugins.module_utils._resource import ResourceError

FSID, OTHER, UUID = "our-fsid", "other-fsid", "osd-uuid"
GIB = 1 << 30


def device(path: str = "/dev/sdb", **found: Any) -> dict[str, Any]:
    """An empty disk, with what was found on it."""
    empty: dict[str, Any] = {"partitions": [], "holders": [], "mounts": [], "signatures": []}
    empty |= {"busy": False, "label": None, "lvm": False, "size": 100 * GIB, "type": "ssd"}
    return {"path": path, "kernel": "sdb", "aliases": ["/dev/disk/by-id/ata-x", "/dev/sdb"], **empty, **found}


def label(fsid: str | None = FSID, *, ready: bool = True) -> dict[str, Any]:
    return {"osd_uuid": UUID, "main": True, "ready": ready, "ceph_fsid": fsid, "id": 3}


KNOWN = {UUID: {"id": 3, "up": False, "booted": True, "class": "ssd"}}
UNBOOTED = {UUID: {"id": 3, "up": False, "booted": False, "class": None}}
LVM: dict[str, Any] = {"holders": ["dm-0"], "lvm": True, "busy": True}

VERDICTS = [
    pytest.param(device(), {}, devices.ENROL, id="empty"),
    pytest.param(device(), None, devices.ENROL, id="empty, before there is a cluster"),
    pytest.param(device(label=label(), busy=True), KNOWN, devices.KEEP, id="known OSD"),
    pytest.param(device(label=label(), **LVM), KNOWN, devices.KEEP, id="known OSD on LVM"),
    pytest.param(device(label=label()), None, devices.KEEP, id="ours, node installed anew, check mode"),
    pytest.param(device(label=label(None, ready=False)), UNBOOTED, devices.FINISH, id="interrupted"),
]


@pytest.mark.parametrize(("found", "osds", "verdict"), VERDICTS)
def test_what_is_ours_or_empty_is_taken(found: dict[str, Any], osds: dict[str, Any] | None, verdict: str) -> None:
    assert devices.verdict(found, FSID, osds, []) == verdict


REFUSED = [
    pytest.param(device(label=label(OTHER)), "holds osd.3 of another Ceph cluster", id="foreign OSD"),
    pytest.param(device(label=label()), "which this cluster does not know any more", id="dead OSD"),
    pytest.param(device(label=label(None, ready=False)), "never finished", id="unfinished OSD of nobody"),
    pytest.param(device(partitions=["sdb1", "sdb2"]), r"has partitions \(sdb1, sdb2\)", id="partitions"),
    pytest.param(device(signatures=["ext4"]), r"is not empty \(ext4\)", id="filesystem"),
    pytest.param(device(signatures=["LVM2_member"]), r"is not empty \(LVM2_member\)", id="LVM"),
]


@pytest.mark.parametrize(("found", "message"), REFUSED)
def test_what_is_not_empty_is_refused_until_it_is_named(found: dict[str, Any], message: str) -> None:
    with pytest.raises(ResourceError, match=rf"^/dev/sdb .*{message}.*name it in ceph_osd_wipe"):
        devices.verdict(found, FSID, {}, ["/dev/sdc"])
    for pattern in ("/dev/sdb", "/dev/disk/by-id/ata-*"):
        assert devices.verdict(found, FSID, {}, [pattern]) == devices.ERASE


IN_USE = [
    pytest.param(device(mounts=["/", "/boot"], partitions=["sdb1"], busy=True), "is mounted on /, /boot", id="mounted"),
    pytest.param(device(holders=["md0"], busy=True), "is in use by md0", id="RAID"),
    pytest.param(device(busy=True, signatures=["swap"]), "is in use; .* out of ceph_osd_devices[.]", id="swap"),
    pytest.param(device(label=label(OTHER), **LVM), "is in use by dm-0", id="foreign OSD on LVM"),
]


@pytest.mark.parametrize(("found", "message"), IN_USE)
def test_what_is_in_use_is_refused_even_when_named(found: dict[str, Any], message: str) -> None:
    with pytest.raises(ResourceError, match=message):
        devices.verdict(found, FSID, {}, ["/dev/*"])


DISKS = [
    device("/dev/sda", mounts=["/"], partitions=["sda1"], busy=True),
    device("/dev/sdb", size=50 * GIB),
    device("/dev/sdc", type="hdd"),
    device("/dev/sdd", label=label(), busy=True),
    device("/dev/sde", label=label(OTHER)),
]
SELECTIONS = [
    pytest.param({"count": 1}, ["/dev/sdd"], id="an OSD of ours comes first"),
    pytest.param({"count": 2, "type": "ssd"}, ["/dev/sdd", "/dev/sdb"], id="type"),
    pytest.param({"size_min": "60GiB"}, ["/dev/sdd", "/dev/sdc"], id="smallest size"),
    pytest.param({"size_max": "60GiB"}, ["/dev/sdb"], id="largest size"),
]


@pytest.mark.parametrize(("wanted", "chosen"), SELECTIONS)
def test_a_filter_passes_over_what_is_not_free(wanted: dict[str, Any], chosen: list[str]) -> None:
    assert [found["path"] for found in devices.select(DISKS, wanted, FSID, [])] == chosen


def test_a_filter_may_take_what_was_given_away() -> None:
    assert "/dev/sde" in [found["path"] for found in devices.select(DISKS, {"type": "ssd"}, FSID, ["/dev/sde"])]


def test_too_few_disks_is_said() -> None:
    with pytest.raises(ResourceError, match="asks for 3 devices, this node has 2 that fit"):
        devices.select(DISKS, {"type": "ssd", "count": 3}, FSID, [])


def test_without_a_filter_nothing_is_passed_over() -> None:
    assert devices.select(DISKS, None, FSID, []) == DISKS
