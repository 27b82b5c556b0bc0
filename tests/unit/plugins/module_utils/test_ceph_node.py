"""What a node says of its cluster: ceph.conf, labels of devices, a monitor's own socket."""

from __future__ import annotations

import json
import socket
import struct
import threading
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.cairn.hci.plugins.module_utils import _bluestore, _ceph_node
from ansible_collections.cairn.hci.plugins.module_utils._resource import ResourceError
from hypothesis import given
from hypothesis import strategies as st

UUID = "0d0e8a4b-9e4c-4a37-b3c5-5b1f6d2c7f10"
FSID = "5d3b7e8e-0f5c-4f3a-9a52-0f1a1d5ec9f5"
META = {"ceph_fsid": FSID, "whoami": "3", "osd_key": "hush", "ready": "ready", "mkfs_done": "yes"}


def text(value: str) -> bytes:
    return struct.pack("<I", len(value)) + value.encode()


def label(meta: dict[str, str], description: str = "main") -> bytes:
    """A label as Ceph writes it."""
    body = bytes(16) + struct.pack("<QII", 8 << 30, 0, 0) + text(description) + struct.pack("<I", len(meta))
    body += b"".join(text(word) for pair in meta.items() for word in pair)
    data = _bluestore.MAGIC + UUID.encode() + b"\n" + struct.pack("<BBI", 2, 1, len(body)) + body
    return data.ljust(_bluestore.SIZE, b"\0")


def test_a_label_tells_the_osd_and_its_cluster_but_not_its_key() -> None:
    found = _bluestore.parse(label(META))
    assert found == {"osd_uuid": UUID, "main": True, "ready": True, "ceph_fsid": FSID, "id": 3}


def test_a_label_of_an_interrupted_mkfs_is_not_ready() -> None:
    found = _bluestore.parse(label({"bluefs": "1"}))
    assert found == {"osd_uuid": UUID, "main": True, "ready": False, "ceph_fsid": None, "id": None}


def test_a_database_device_is_no_osd() -> None:
    found = _bluestore.parse(label({}, "bluefs db"))
    assert found is not None
    assert not found["main"]


@given(st.binary(max_size=200))
def test_a_damaged_label_is_still_a_label(garbage: bytes) -> None:
    found = _bluestore.parse(_bluestore.MAGIC + UUID.encode() + b"\n" + garbage)
    assert found is not None
    assert found["osd_uuid"] == UUID


@given(st.binary(max_size=200).filter(lambda data: not data.startswith(_bluestore.MAGIC)))
def test_other_data_is_no_label(data: bytes) -> None:
    assert _bluestore.parse(data) is None


CONFS = [
    pytest.param("", None, [], False, id="none"),
    pytest.param(
        f"{_ceph_node.HEADER}. All else\n[global]\nfsid = {FSID}\nmon_host = 10.0.0.1 10.0.0.2\n",
        FSID,
        ["10.0.0.1", "10.0.0.2"],
        True,
        id="ours",
    ),
    pytest.param(
        f"[global]\n\tfsid = {FSID}\n\tmon host = [v2:10.0.0.1:3300,v1:10.0.0.1:6789],10.0.0.2\n[mon]\nfsid = no\n",
        FSID,
        ["[v2:10.0.0.1:3300,v1:10.0.0.1:6789]", "10.0.0.2"],
        False,
        id="foreign, spelt with spaces",
    ),
    pytest.param(f"# fsid = {UUID}\nfsid={FSID}\n", FSID, [], False, id="without a section"),
]


@pytest.mark.parametrize(("conf", "fsid", "monitors", "ours"), CONFS)
def test_ceph_conf(conf: str, fsid: str | None, monitors: list[str], ours: bool) -> None:
    assert _ceph_node.parse_conf(conf) == {"fsid": fsid, "monitors": monitors, "ours": ours}


def serve(path: Path, *answers: Any) -> None:
    """A daemon's admin socket that answers once with each, then is gone."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()

    def in_turn() -> None:
        with server:
            for answer in answers:
                with server.accept()[0] as connection:
                    connection.recv(4096)
                    data = json.dumps(answer).encode()
                    connection.sendall(struct.pack(">I", len(data)) + data)

    threading.Thread(target=in_turn, daemon=True).start()


def test_a_bare_node_reports_nothing(tmp_path: Path) -> None:
    found = _ceph_node.report(tmp_path)
    del found["device_mapper"]
    assert not any(found.values())


def monitor(root: Path, *states: str, epoch: int = 1) -> None:
    """A monitor that is in these states, one at each question."""
    (root / "var/lib/ceph/mon/ceph-node1/store.db").mkdir(parents=True)
    (root / "run/ceph").mkdir(parents=True)
    monmap = {"epoch": epoch, "fsid": FSID, "mons": [{"name": "node1"}, {"name": "node2"}]}
    serve(root / "run/ceph/ceph-mon.node1.asok", *({"state": state, "monmap": monmap} for state in states))


def test_a_monitor_is_asked_without_key_or_quorum(tmp_path: Path) -> None:
    monitor(tmp_path, "probing", epoch=0)
    found = _ceph_node.report(tmp_path)
    assert (found["mon_store"], found["mon_running"], found["mon_fsid"]) == ("node1", True, FSID)
    assert (found["mon_state"], found["mon_names"]) == ("probing", ["node1", "node2"])


def test_a_vote_without_end_is_no_quorum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_ceph_node, "VOTE", 0)
    monitor(tmp_path, "probing")
    assert _ceph_node.report(tmp_path)["mon_state"] == "probing"


def test_a_vote_of_the_monitors_is_waited_for(tmp_path: Path) -> None:
    monitor(tmp_path, "probing", "electing", "peon")
    assert _ceph_node.report(tmp_path)["mon_state"] == "peon"


def test_a_monitor_may_stop_during_a_vote(tmp_path: Path) -> None:
    monitor(tmp_path, "electing")
    assert not _ceph_node.report(tmp_path)["mon_running"]


def test_a_store_in_the_making_is_none(tmp_path: Path) -> None:
    (tmp_path / "var/lib/ceph/mon/.ceph-node1.new/data/store.db").mkdir(parents=True)
    (tmp_path / "var/lib/ceph/mon/ceph-node1").mkdir()
    assert _ceph_node.mon_store(tmp_path) is None


def test_one_module_at_a_time(tmp_path: Path) -> None:
    first, second = (_ceph_node.Lock(0.3, str(tmp_path / "lock")) for _number in range(2))
    first.take()
    with pytest.raises(ResourceError, match="An earlier run still works on Ceph"):
        second.take()
    first.release()
    second.take()
    second.release()
