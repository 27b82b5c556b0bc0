"""Monitors, managers and OSDs of a node: plans as tables, and a store that is whole or not there."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ansible_collections.cairn.hci.plugins.module_utils import _ceph_daemon, _ceph_mon
from ansible_collections.cairn.hci.plugins.module_utils._ceph_mgr import CAPS, CephMgr
from ansible_collections.cairn.hci.plugins.module_utils._ceph_mon import CephMon
from ansible_collections.cairn.hci.plugins.module_utils._ceph_osds import CephOsd, osdmap, to_dict
from ansible_collections.cairn.hci.plugins.module_utils._resource import ResourceError, converge

MEMBERS = [{"name": f"node{n}", "address": f"10.10.0.{n}"} for n in (1, 2, 3)]
MON = {"name": "node1", "fsid": "f", "members": MEMBERS, "key": None, "monmap": None, "bootstrap": True}
MON |= {"state": "present"}
RUNNING = {"name": "node1", "fsid": "f", "mon_state": "leader", "members": MEMBERS, "enabled": True, "running": True}
CONNECTION = {"conf": "/none", "client": "client.admin", "keyring": None, "timeout": 1}

PLANS = [
    pytest.param(None, MON, {"fsid": "f", "members": MEMBERS, "enabled": True, "running": True}, id="create"),
    pytest.param(RUNNING, MON, {}, id="no change"),
    pytest.param(RUNNING | {"running": False, "members": []}, MON, {"running": True}, id="stopped"),
    pytest.param(RUNNING | {"enabled": False}, MON, {"enabled": True}, id="not started at boot"),
    pytest.param(RUNNING, MON | {"members": None, "fsid": None}, {}, id="only asked"),
    pytest.param(RUNNING, MON | {"state": "absent"}, {"state": "absent"}, id="remove"),
    pytest.param(None, MON | {"state": "absent"}, {}, id="removed"),
]


@pytest.mark.parametrize(("current", "wanted", "after"), PLANS)
def test_plan_of_a_monitor(current: dict[str, Any] | None, wanted: dict[str, Any], after: dict[str, Any]) -> None:
    changes = CephMon({"timeout": 1}).plan(current, wanted)
    assert {change.field: change.after for change in changes} == after


REFUSALS = [
    pytest.param(RUNNING | {"fsid": "other"}, MON, "of the cluster other, not of f", id="another cluster"),
    pytest.param(
        RUNNING | {"members": [{"name": "node1", "address": "10.9.0.1"}]}, MON, "keeps its address", id="address"
    ),
    pytest.param(RUNNING | {"members": MEMBERS[:1]}, MON | {"state": "absent"}, "the last monitor", id="last"),
]


@pytest.mark.parametrize(("current", "wanted", "message"), REFUSALS)
def test_what_a_monitor_refuses(current: dict[str, Any], wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(ResourceError, match=message):
        CephMon({"timeout": 1}).plan(current, wanted)


@pytest.fixture
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A node's directory of stores, on which the tools only leave a trace."""

    def run(*command: str, seconds: float = 0) -> str:
        if command[0] == "ceph-mon":
            data = Path(command[command.index("--mon-data") + 1])
            (data / "store.db").mkdir()
            (data / "keyring").write_text(Path(command[command.index("--keyring") + 1]).read_text())
        elif command[0] == "monmaptool":
            Path(command[-1]).write_text(" ".join(command))
        return "x" * int(seconds * 0)

    monkeypatch.setattr(_ceph_mon, "STORES", tmp_path)
    monkeypatch.setattr(_ceph_daemon, "run", run)
    monkeypatch.setattr("shutil.chown", lambda *_given: None)
    return tmp_path


def test_a_store_is_whole_or_not_there(stores: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mon = CephMon({"timeout": 1})
    (stores / ".ceph-node1.new").mkdir()
    (stores / ".ceph-node1.new" / "keyring").write_text("of an interrupted run")
    run = _ceph_daemon.run

    def cut(*command: str, seconds: float = 0) -> str:
        if command[0] == "ceph-mon":
            raise KeyboardInterrupt
        return run(*command, seconds=seconds)

    monkeypatch.setattr(_ceph_daemon, "run", cut)
    with pytest.raises(KeyboardInterrupt):
        mon.make_store(MON)
    assert not (stores / "ceph-node1").exists()

    monkeypatch.setattr(_ceph_daemon, "run", run)
    mon.make_store(MON)
    assert [path.name for path in stores.iterdir()] == ["ceph-node1"]
    assert _ceph_daemon.secret_in(stores / "ceph-node1" / "keyring")


def test_a_key_is_made_only_by_the_first_monitor(stores: Path) -> None:
    mon = CephMon({"timeout": 1})
    with pytest.raises(ResourceError, match="needs the key of the others"):
        mon.make_store(MON | {"bootstrap": False})
    mon.make_store(MON | {"bootstrap": False, "key": "theirs"})
    assert _ceph_daemon.secret_in(stores / "ceph-node1" / "keyring") == "theirs"


def test_files_of_someone_else_are_left(stores: Path) -> None:
    (stores / "ceph-node1").mkdir()
    (stores / "ceph-node1" / "precious").touch()
    with pytest.raises(ResourceError, match="move it away"):
        CephMon({"timeout": 1}).make_store(MON)


def test_endpoints_of_both_families() -> None:
    assert _ceph_mon.endpoints("10.0.0.1") == "[v2:10.0.0.1:3300,v1:10.0.0.1:6789]"
    assert _ceph_mon.endpoints("fd00::1") == "[v2:[fd00::1]:3300,v1:[fd00::1]:6789]"
    assert _ceph_mon.host({"public_addrs": {"addrvec": [{"addr": "[fd00::1]:3300"}]}}) == "fd00::1"


MGR = {"name": "node1", "state": "present", "caps": CAPS, "keyring": "/k", "enabled": True}
MGR |= {"running": True}
HAS = {"name": "node1", "caps": CAPS, "keyring": "/k", "substitutes": {}, "enabled": True, "running": True}
CURE = {"bcrypt.py": "text"}
MGR_PLANS = [
    pytest.param(None, MGR, {"caps": CAPS, "keyring": "/k", "enabled": True, "running": True}, id="create"),
    pytest.param(HAS, MGR, {}, id="no change"),
    pytest.param(HAS, MGR | {"substitutes": CURE}, {"substitutes": CURE}, id="cure"),
    pytest.param(HAS | {"substitutes": CURE}, MGR | {"substitutes": {}}, {"substitutes": {}}, id="cured"),
    pytest.param(HAS | {"keyring": None, "running": False}, MGR, {"keyring": "/k", "running": True}, id="node anew"),
    pytest.param(HAS, MGR | {"state": "absent"}, {"state": "absent"}, id="remove"),
]


@pytest.mark.parametrize(("current", "wanted", "after"), MGR_PLANS)
def test_plan_of_a_manager(current: dict[str, Any] | None, wanted: dict[str, Any], after: dict[str, Any]) -> None:
    assert {change.field: change.after for change in CephMgr(CONNECTION).plan(current, wanted)} == after


LABEL = {"osd_uuid": "u3", "main": True, "ready": True, "ceph_fsid": "f", "id": 3}
DISK: dict[str, Any] = {"path": "/dev/sdb", "kernel": "sdb", "aliases": [], "partitions": [], "holders": []}
DISK |= {"mounts": [], "signatures": [], "busy": False, "label": None, "lvm": None, "size": 1 << 40, "type": "hdd"}
OSD = {"device": "/dev/sdb", "class": None, "wipe": None, "filter": None, "state": "present"}
UP = {"device": "/dev/sdb", "ids": [3], "uuids": ["u3"], "lvm": True, "enabled": True, "up": True, "class": "hdd"}
KNOWN = {"u3": {"id": 3, "up": True, "booted": True, "class": "hdd"}}
OSD_PLANS = [
    pytest.param(DISK, None, OSD | {"class": "ssd"}, {"device": "/dev/sdb", "class": "ssd"}, id="create"),
    pytest.param(DISK | {"label": LABEL}, UP, OSD | {"class": "hdd"}, {}, id="no change"),
    pytest.param(DISK | {"label": LABEL}, UP, OSD | {"class": "ssd"}, {"class": "ssd"}, id="class"),
    pytest.param(DISK | {"label": LABEL}, UP | {"up": False}, OSD, {"up": True}, id="down"),
    pytest.param(DISK | {"label": LABEL}, UP, OSD | {"state": "absent"}, {"state": "absent"}, id="remove"),
    pytest.param(DISK, None, OSD | {"state": "absent"}, {}, id="removed"),
    pytest.param(
        DISK | {"signatures": ["ext4"]}, None, OSD | {"wipe": ["/dev/sdb"]}, {"device": "/dev/sdb"}, id="erase"
    ),
]


def osd_resource(disk: dict[str, Any], known: dict[str, Any] | None) -> CephOsd:
    resource = CephOsd({**CONNECTION, "fsid": "f"})
    resource.found, resource.osds = {"/dev/sdb": disk}, known
    return resource


@pytest.mark.parametrize(("disk", "current", "wanted", "after"), OSD_PLANS)
def test_plan_of_an_osd(
    disk: dict[str, Any], current: dict[str, Any] | None, wanted: dict[str, Any], after: dict[str, Any]
) -> None:
    changes = osd_resource(disk, KNOWN).plan(current, wanted)
    assert {change.field: change.after for change in changes} == after


TWO = [
    {"osd_uuid": "u3", "id": 3, "encrypted": True, "db": False, "volume": {}, "ready": None},
    {"osd_uuid": "u4", "id": 4, "encrypted": True, "db": True, "volume": {}, "ready": True},
]


def test_what_is_told_of_a_device_with_two_osds() -> None:
    known = KNOWN | {"u4": KNOWN["u3"] | {"id": 4, "up": False, "class": "ssd"}}
    assert to_dict(DISK, TWO, known, True) == {
        "device": "/dev/sdb",
        "ids": [3, 4],
        "uuids": ["u3", "u4"],
        "class": "hdd,ssd",
        "up": False,
        "enabled": True,
        "lvm": True,
        "encrypted": True,
        "db": True,
    }
    assert to_dict(DISK, [], known, True) is None


IDS = [
    pytest.param([3], [DISK], None, id="one disk for one id"),
    pytest.param([3], [DISK | {"label": LABEL}], None, id="replaced already"),
    pytest.param([3], [DISK, DISK], r"osd\.3 can be made anew only .* 2 disks are empty", id="two disks"),
    pytest.param([3, 4], [DISK], r"osd\.3,4 can be made anew only .* 1 disks are empty", id="two ids"),
    pytest.param([], [DISK, DISK], None, id="no id asked"),
    pytest.param([4], [DISK | {"label": LABEL}], "0 disks are empty", id="another one's disk"),
    pytest.param([4], [DISK | {"signatures": ["ext4"]}], r"0 disks .* /dev/sd0 is not empty .ext4.", id="a used disk"),
]


@pytest.mark.parametrize(("ids", "disks", "message"), IDS)
def test_an_id_needs_a_disk(ids: list[int], disks: list[dict[str, Any]], message: str | None) -> None:
    resource = osd_resource(DISK, KNOWN)
    resource.params["ids"], resource.ids = ids, list(ids)
    resource.found = {f"/dev/sd{n}": disk | {"path": f"/dev/sd{n}"} for n, disk in enumerate(disks)}
    items = [OSD | {"device": path} for path in resource.found]
    if message is None:
        resource.check(items)
    else:
        with pytest.raises(ResourceError, match=message):
            resource.check(items)


def test_a_disk_that_is_to_be_replaced_may_still_be_there() -> None:
    old = DISK | {"label": LABEL | {"osd_uuid": "gone"}}
    resource = osd_resource(old, KNOWN)
    with pytest.raises(ResourceError, match="does not know any more"):
        resource.plan(None, OSD)
    resource.params["ids"] = [3]
    assert resource.plan(None, OSD) == []


def test_what_is_lost_with_a_disk_is_in_the_diff() -> None:
    change = osd_resource(DISK | {"signatures": ["ext4"]}, {}).plan(None, OSD | {"wipe": ["/dev/sdb"]})[0]
    assert change.before == "is not empty (ext4)"


def test_all_refusals_come_at_once_and_before_any_change(monkeypatch: pytest.MonkeyPatch) -> None:
    disks = {path: DISK | {"path": path, "partitions": [path[5:] + "1"]} for path in ("/dev/sdb", "/dev/sdc")}
    resource = osd_resource(DISK, {})
    monkeypatch.setattr(resource, "expand", lambda _items: [OSD | {"device": path} for path in disks])
    monkeypatch.setattr(resource, "open", lambda: None)
    monkeypatch.setattr(resource, "read", lambda _items: {})
    resource.found = disks
    with pytest.raises(ResourceError, match=r"/dev/sdb has partitions[^\n]*\n/dev/sdc has partitions"):
        converge(resource, [OSD], check_mode=False)


def test_an_osd_that_never_ran_is_told_from_one_that_is_down() -> None:
    dump: dict[str, Any] = {"osds": [{"osd": n, "uuid": uuid, "up": 0, "up_from": 7} for n, uuid in enumerate("abcd")]}
    dump["osds"][0] |= {"up_from": 0, "state": ["exists", "new"]}
    dump["osds"][2] |= {"state": ["exists", "new"]}
    dump["osds"][3] |= {"state": ["destroyed", "exists"]}
    found = osdmap(dump, [{"id": -1, "name": "default"}, {"id": 1, "device_class": "ssd"}])
    assert found["a"] == {"id": 0, "up": False, "booted": False, "class": None}
    assert found["b"] == {"id": 1, "up": False, "booted": True, "class": "ssd"}
    assert found["c"] == {"id": 2, "up": False, "booted": False, "class": None}
    assert "d" not in found


def test_a_new_key_has_the_form_of_cephx() -> None:
    assert len(_ceph_daemon.new_secret()) == 40
    assert _ceph_daemon.new_secret() != _ceph_daemon.new_secret()


@pytest.fixture(scope="module")
def bcrypt() -> ModuleType:
    """The substitute that the manager gets on Debian 13."""
    path = Path(__file__).parents[4] / "roles/ceph/files/mgr/bcrypt.py"
    spec = importlib.util.spec_from_file_location("substitute_bcrypt", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# From the self-test of crypt_blowfish 1.3.
SALT = b"$2a$05$CCCCCCCCCCCCCCCCCCCCC."
VECTORS = [
    (b"U*U", SALT + b"E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    (b"U*U*", SALT + b"VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
]


@pytest.mark.parametrize(("password", "hashed"), VECTORS)
def test_the_substitute_makes_the_same_hashes(bcrypt: ModuleType, password: bytes, hashed: bytes) -> None:
    assert bcrypt.hashpw(password, SALT) == hashed
    assert bcrypt.checkpw(password, hashed)
    assert not bcrypt.checkpw(password + b"x", hashed)


def test_the_substitute_refuses_what_bcrypt_refuses(bcrypt: ModuleType) -> None:
    assert bcrypt.checkpw(b"secret", bcrypt.hashpw(b"secret", bcrypt.gensalt(4)))
    for function, given in ((bcrypt.gensalt, (3,)), (bcrypt.gensalt, (4, b"2x")), (bcrypt.hashpw, (b"x", b"$1$x"))):
        with pytest.raises(ValueError, match=r"Invalid|Supported"):
            function(*given)


def test_modules_of_the_manager_without_notify_types_are_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Path(__file__).parents[4] / "roles/ceph/files/mgr/sitecustomize.py"
    (tmp_path / "mgr_module.py").write_text("class MgrModule: pass\nclass MgrStandbyModule: pass\n")
    (tmp_path / "other.py").write_text("class Module: pass\n")
    code = "import other, mgr_module; print(mgr_module.MgrModule.NOTIFY_TYPES, hasattr(other.Module, 'NOTIFY_TYPES'))"
    (tmp_path / "sitecustomize.py").write_text(site.read_text())
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "[] False\n"
