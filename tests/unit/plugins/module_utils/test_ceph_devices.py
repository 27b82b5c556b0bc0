"""Which devices become OSDs: the rule of keep, enrol and refuse."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.cairn.hci.plugins.module_utils import _ceph_db as db
from ansible_collections.cairn.hci.plugins.module_utils import _ceph_devices as devices
from ansible_collections.cairn.hci.plugins.module_utils import _ceph_osd_slots as slots
from ansible_collections.cairn.hci.plugins.module_utils._resource import ResourceError

FSID, OTHER, UUID = "our-fsid", "other-fsid", "osd-uuid"
GIB = 1 << 30
EXTENT = 4 << 20


def device(path: str = "/dev/sdb", **found: Any) -> dict[str, Any]:
    """An empty disk, with what was found on it."""
    empty: dict[str, Any] = {"partitions": [], "holders": [], "mounts": [], "signatures": []}
    empty |= {"busy": False, "label": None, "lvm": None, "size": 100 * GIB, "type": "ssd"}
    return {"path": path, "kernel": "sdb", "aliases": ["/dev/disk/by-id/ata-x", "/dev/sdb"], **empty, **found}


def label(fsid: str | None = FSID, *, ready: bool = True) -> dict[str, Any]:
    return {"osd_uuid": UUID, "main": True, "ready": ready, "ceph_fsid": fsid, "id": 3}


KNOWN = {UUID: {"id": 3, "up": False, "booted": True, "class": "ssd"}}
UNBOOTED = {UUID: {"id": 3, "up": False, "booted": False, "class": None}}
LVM: dict[str, Any] = {"holders": ["dm-0"], "busy": True}


def volume(name: str = f"osd-block-{UUID}", size: int = 100, **found: Any) -> dict[str, Any]:
    """A logical volume; `size` in extents, `osd` of which OSD, `kind` what it holds of it."""
    osd, kind, fsid = found.get("osd"), found.get("kind", "block"), found.get("fsid", FSID)
    tags = {}
    if osd:
        tags = {"ceph.osd_id": "3", "ceph.osd_fsid": osd, "ceph.cluster_fsid": fsid, "ceph.type": kind}
        tags |= {"ceph.encrypted": "1"} if found.get("encrypted") else {}
        tags |= {"ceph.db_uuid": "x"} if found.get("db") else {}
    read = found.get("label")
    state = {"busy": found.get("busy", False), "kernel": "dm-0", "label": read}
    return {"group": found.get("group", "ceph-g"), "name": name, "size": size * EXTENT, "tags": tags} | state


def lvm(*volumes: dict[str, Any], size: int = 100, group: str | None = "ceph-g", devices: int = 1) -> dict[str, Any]:
    """A device with logical volumes, one of so many `devices` of its group."""
    used = sum(one["size"] for one in volumes)
    found = {"group": group, "devices": devices, "size": size * EXTENT, "extent": EXTENT, "free": size * EXTENT - used}
    return LVM | {"lvm": found | {"volumes": list(volumes)}}


OURS = volume(osd=UUID, busy=True, label=label())
SECRET = volume(osd=UUID, encrypted=True, busy=True)

VERDICTS = [
    pytest.param(device(), {}, devices.ENROL, id="empty"),
    pytest.param(device(), None, devices.ENROL, id="empty, before there is a cluster"),
    pytest.param(device(label=label(), busy=True), KNOWN, devices.KEEP, id="known OSD"),
    pytest.param(device(**lvm(OURS)), KNOWN, devices.KEEP, id="known OSD on LVM"),
    pytest.param(device(**lvm(OURS)), None, devices.KEEP, id="ours on LVM, check mode"),
    pytest.param(device(**lvm(SECRET)), KNOWN, devices.KEEP, id="encrypted and closed"),
    pytest.param(device(**lvm(SECRET)), UNBOOTED, devices.FINISH, id="encrypted, cut short"),
    pytest.param(device(**lvm(OURS)), UNBOOTED, devices.KEEP, id="made, and never started"),
    pytest.param(device(**lvm(volume(osd=UUID))), UNBOOTED, devices.FINISH, id="cut short before its label"),
    pytest.param(device(**lvm()), {}, devices.FINISH, id="a group without volumes"),
    pytest.param(device(**lvm(volume())), {}, devices.FINISH, id="a volume without an OSD"),
    pytest.param(device(**lvm(volume())), UNBOOTED, devices.FINISH, id="a volume, and an id without an OSD"),
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
    pytest.param(device(**lvm(group=None)), "is a physical volume of LVM", id="LVM without a group"),
    pytest.param(device(**lvm(group="vg0")), "is a physical volume of LVM", id="a group of someone"),
    pytest.param(device(**lvm(volume("root", group="vg0"))), r"has logical volumes \(root\)", id="volumes of someone"),
    pytest.param(device(**lvm(volume(osd=UUID, fsid=OTHER))), "of another Ceph cluster", id="foreign OSD on LVM"),
    pytest.param(device(**lvm(volume(osd=UUID))), "does not know any more", id="dead OSD on LVM"),
]


@pytest.mark.parametrize(("found", "message"), REFUSED)
def test_what_is_not_empty_is_refused_until_it_is_named(found: dict[str, Any], message: str) -> None:
    with pytest.raises(ResourceError, match=rf"^/dev/sdb .*{message}.*name it in ceph_osd_wipe"):
        devices.verdict(found, FSID, {}, ["/dev/sdc"])
    for pattern in ("/dev/sdb", "/dev/disk/by-id/ata-*"):
        assert devices.verdict(found, FSID, {}, [pattern]) == devices.ERASE


def test_a_group_that_spans_devices_is_refused_even_when_named() -> None:
    with pytest.raises(ResourceError, match="shares the volume group vg0 with other devices"):
        devices.verdict(device(**lvm(volume("data", group="vg0"), group="vg0", devices=2)), FSID, {}, ["/dev/*"])


IN_USE = [
    pytest.param(device(mounts=["/", "/boot"], partitions=["sdb1"], busy=True), "is mounted on /, /boot", id="mounted"),
    pytest.param(device(holders=["md0"], busy=True), "is in use by md0", id="RAID"),
    pytest.param(device(busy=True, signatures=["swap"]), "is in use; .* out of ceph_osd_devices[.]", id="swap"),
    pytest.param(device(**lvm(volume(osd=UUID, fsid=OTHER, busy=True))), "is in use by osd-block", id="foreign, runs"),
    pytest.param(device(**lvm(volume("root", group="vg0", busy=True))), "is in use by root", id="mounted volume"),
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


TWO = (volume(osd=UUID, size=50, label=label()), volume("osd-block-b", osd="b", size=50, label=label()))
BOTH = KNOWN | {"b": {"id": 4, "up": True, "booted": True, "class": "ssd"}}
LAYOUTS = [
    pytest.param(lvm(OURS), {"encrypted": False, "db": False, "per_device": 1}, devices.KEEP, id="as it is"),
    pytest.param(lvm(SECRET), {"encrypted": True}, devices.KEEP, id="encrypted"),
    pytest.param(lvm(volume(osd=UUID, db=True)), {"db": True}, devices.KEEP, id="with a db"),
    pytest.param(lvm(*TWO), {"per_device": 2}, devices.KEEP, id="two"),
    pytest.param(lvm(*TWO), {}, devices.KEEP, id="two, and nothing asked"),
    pytest.param(lvm(TWO[0]), {"per_device": 2}, devices.FINISH, id="cut short after the first of two"),
    pytest.param(lvm(TWO[0], volume("osd-block-z", 50)), {"per_device": 2}, devices.FINISH, id="a volume more"),
]


@pytest.mark.parametrize(("found", "layout", "verdict"), LAYOUTS)
def test_what_is_as_it_shall_be_is_kept(found: dict[str, Any], layout: dict[str, Any], verdict: str) -> None:
    assert devices.verdict(device(**found), FSID, BOTH, [], layout) == verdict


OTHERWISE = [
    pytest.param(lvm(OURS), {"encrypted": True}, "osd.3 is not encrypted.*replace_disk.yml -e osd=3", id="plain"),
    pytest.param(lvm(SECRET), {"encrypted": False}, "osd.3 is encrypted.*ceph_osd_encrypted: true", id="encrypted"),
    pytest.param(lvm(OURS), {"db": True}, "osd.3 has no db device.*ceph_osd_db_devices", id="no db"),
    pytest.param(lvm(volume(osd=UUID, db=True)), {"db": False}, "has its db on another device", id="a db"),
    pytest.param(lvm(OURS), {"per_device": 2}, r"has 1 OSD \(osd.3\), .*says 2; .*remove_osd.yml -e osd=3", id="more"),
    pytest.param(lvm(*TWO), {"per_device": 1}, r"has 2 OSDs .*ceph_osds_per_device: 2", id="fewer"),
    pytest.param({"label": label()}, {"per_device": 2}, "has 1 OSD ", id="more, without LVM"),
]


@pytest.mark.parametrize(("found", "layout", "message"), OTHERWISE)
def test_what_cannot_change_in_place_is_refused(found: dict[str, Any], layout: dict[str, Any], message: str) -> None:
    with pytest.raises(ResourceError, match=message):
        devices.verdict(device(**found), FSID, BOTH, [], layout)


DB = volume("osd-db-b", 40, osd="b", kind="db", busy=True)
DB_VERDICTS = [
    pytest.param(device(), devices.ENROL, id="empty"),
    pytest.param(device(**lvm(DB)), devices.KEEP, id="ours"),
    pytest.param(device(**lvm()), devices.KEEP, id="a group without volumes"),
    pytest.param(device(**lvm(volume("osd-db-z"))), devices.KEEP, id="a volume without an OSD"),
    pytest.param(device(signatures=["ext4"], path="/dev/gone"), devices.ERASE, id="given away"),
]


@pytest.mark.parametrize(("found", "verdict"), DB_VERDICTS)
def test_a_device_for_databases(found: dict[str, Any], verdict: str) -> None:
    assert db.verdict(found, FSID, ["/dev/gone"]) == verdict


DB_REFUSED = [
    pytest.param(device(**lvm(OURS)), "is itself the disk of osd.3", id="an OSD"),
    pytest.param(device(mounts=["/"]), "is mounted on /.*out of ceph_osd_db_devices", id="mounted"),
    pytest.param(device(signatures=["ext4"]), "is not empty .*ceph_osd_wipe", id="filesystem"),
    pytest.param(device(**lvm(volume("osd-db-b", osd="b", kind="db", fsid=OTHER))), "logical volumes", id="foreign"),
]


@pytest.mark.parametrize(("found", "message"), DB_REFUSED)
def test_what_is_no_device_for_databases(found: dict[str, Any], message: str) -> None:
    with pytest.raises(ResourceError, match=message):
        db.verdict(found, FSID, [])


FAST = device("/dev/nvme0n1", size=101 * EXTENT)
OTHER_FAST = device("/dev/nvme1n1", size=101 * EXTENT)
ALLOCATIONS = [
    pytest.param([FAST], 2, 2, None, [("/dev/nvme0n1", 50)] * 2, id="equal shares"),
    pytest.param([FAST], 3, 1, None, [("/dev/nvme0n1", 33)], id="whole extents"),
    pytest.param([FAST], 4, 4, 10 * EXTENT + 1, [("/dev/nvme0n1", 10)] * 4, id="a size"),
    pytest.param(
        [FAST, OTHER_FAST], 3, 3, None, [("/dev/nvme0n1", 50), ("/dev/nvme1n1", 50), ("/dev/nvme0n1", 50)], id="spread"
    ),
    pytest.param([device("/dev/sda", **lvm(DB, size=80))], 2, 1, None, [("/dev/sda", 40)], id="beside another"),
    pytest.param(
        [device("/dev/sda", **lvm(volume("osd-db-z", 80), size=80))], 1, 1, None, [("/dev/sda", 80)], id="dead"
    ),
    pytest.param([], 0, 0, None, [], id="none"),
]


@pytest.mark.parametrize(("found", "slots", "new", "size", "places"), ALLOCATIONS)
def test_what_an_osd_gets_of_the_fast_devices(
    found: list[dict[str, Any]], slots: int, new: int, size: int | None, places: list[tuple[str, int]]
) -> None:
    capacities = {one["path"]: db.capacity(one, {}) for one in found}
    assert db.allocate(capacities, slots, new, size) == [(path, extents * EXTENT) for path, extents in places]


def test_the_database_of_what_is_replaced_makes_room() -> None:
    fast = device("/dev/sda", **lvm(DB, volume("osd-db-c", 40, osd="c", kind="db"), size=80))
    assert db.capacity(fast, {}) == (80 * EXTENT, 0)
    assert db.capacity(fast, {}, [3]) == (80 * EXTENT, 80 * EXTENT)


def test_osds_that_have_lost_their_database_count() -> None:
    disks = [device(path, **lvm(volume(osd=path, db=True))) for path in ("/dev/sda", "/dev/sdb")]
    assert slots.with_databases([*disks, device(**lvm(OURS)), device()], FSID, []) == 2
    assert slots.with_databases(disks, FSID, [3]) == 0


@pytest.mark.parametrize(
    ("data", "left"),
    [
        pytest.param(volume(osd=UUID), ["osd-db-x"], id="cut short"),
        pytest.param(OURS, [], id="made, and never up"),
    ],
)
def test_a_database_is_left_over_only_where_its_osd_is(data: dict[str, Any], left: list[str]) -> None:
    osds = {UUID: dict(UNBOOTED[UUID])}
    devices.mark([device(**lvm(data))], osds)
    fast = device("/dev/sda", **lvm(volume("osd-db-x", osd=UUID, kind="db")))
    assert [one["name"] for one in devices.leftovers(fast, osds)] == left


def test_no_room_for_a_database_is_said() -> None:
    with pytest.raises(ResourceError, match=r"ceph_osd_db_devices .* free in one piece, .*smaller ceph_osd_db_size"):
        db.allocate({"/dev/sda": db.capacity(device(**lvm(DB, size=80)), {})}, 1, 1, None)


def test_an_id_is_freed_whose_osd_was_never_made() -> None:
    assert devices.begun(device(**lvm(volume())), UNBOOTED) == [UNBOOTED[UUID]]
    assert devices.begun(device(**lvm(SECRET)), UNBOOTED) == [UNBOOTED[UUID]]
    assert devices.begun(device(**lvm(OURS)), KNOWN) == []
