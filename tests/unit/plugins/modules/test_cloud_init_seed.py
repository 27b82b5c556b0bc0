"""cloud_init_seed, against real files."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.cairn.hci.plugins.module_utils import _seed

pycdlib = pytest.importorskip("pycdlib")

Run = Callable[..., dict[str, Any]]
USER = {"hostname": "web1", "password": "$6$hush"}


def document(path: Path, name: str) -> Any:
    """A document of the seed; user-data without its first line."""
    disc = pycdlib.PyCdlib()
    disc.open(str(path))
    output = io.BytesIO()
    disc.get_file_from_iso_fp(output, joliet_path=f"/{name}")
    disc.close()
    text = output.getvalue().decode()
    assert text.startswith("#cloud-config\n") == (name == "user-data")
    return json.loads(text.removeprefix("#cloud-config\n"))


def test_a_seed_is_written_kept_changed_and_removed(run_module: Run, tmp_path: Path) -> None:
    path = tmp_path / "seed.iso"
    seed = {"name": "web1", "file": str(path), "user_data": USER, "network_config": {"version": 2}}
    assert run_module("cloud_init_seed", **seed, check_mode=True)["changed"]
    assert not path.exists()

    created = run_module("cloud_init_seed", **seed)
    assert created["changed"]
    assert document(path, "user-data") == USER
    assert document(path, "network-config") == {"version": 2}
    identity = document(path, "meta-data")["instance-id"]
    assert path.stat().st_mode & 0o7777 == 0o600
    data = path.read_bytes()
    assert not run_module("cloud_init_seed", **seed)["changed"]
    assert path.read_bytes() == data

    changed = run_module("cloud_init_seed", **{**seed, "user_data": USER | {"hostname": "web2"}})
    assert changed["changed"]
    assert list(changed["diff"]["after"][str(path)]) == ["sha256"]
    assert document(path, "user-data")["hostname"] == "web2"
    assert document(path, "meta-data")["instance-id"] == identity
    assert list(tmp_path.iterdir()) == [path]

    assert run_module("cloud_init_seed", name="web1", file=str(path), state="absent")["changed"]
    assert not path.exists()
    assert not run_module("cloud_init_seed", name="web1", file=str(path), state="absent")["changed"]


def test_documents_are_never_shown(run_module: Run, tmp_path: Path) -> None:
    seeds = [{"name": f"s{n}", "file": str(tmp_path / f"{n}.iso"), "user_data": USER} for n in range(3)]
    result = run_module("cloud_init_seed", seeds=seeds)
    assert [one["changed"] for one in result["seeds"]] == [True] * 3
    assert "hush" not in str(result)
    info = run_module("cloud_init_seed_info", name=["s1"], file=str(tmp_path / "1.iso"))
    assert info["seeds"][0]["sha256"] == result["seeds"][1]["sha256"]


def test_a_foreign_or_open_file_is_written_anew(run_module: Run, tmp_path: Path) -> None:
    path = tmp_path / "seed.iso"
    path.write_text("nonsense")
    seed = {"name": "web1", "file": str(path), "user_data": USER}
    assert run_module("cloud_init_seed", **seed)["changed"]
    path.chmod(0o644)
    assert run_module("cloud_init_seed", **seed)["diff"]["after"] == {str(path): {"mode": "0600"}}
    assert path.stat().st_mode & 0o7777 == 0o600


@pytest.mark.parametrize("where", [{}, {"pool": "vms", "file": "/x"}])
def test_a_seed_is_in_one_place(run_module: Run, where: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_module("cloud_init_seed", name="web1", conf="/nowhere", **where, check_mode=True)
    assert "Seed web1 needs either a pool or a file" in result["msg"]


def test_an_unwritable_place_is_one_sentence(run_module: Run, tmp_path: Path) -> None:
    result = run_module("cloud_init_seed", name="web1", file=str(tmp_path / "no" / "seed.iso"))
    assert result["msg"] == f"Seed {tmp_path}/no/seed.iso: No such file or directory."


def test_the_same_content_is_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    content = _seed.files("web1", {"user_data": {"b": 1, "a": 2}})
    first = _seed.image(content)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert _seed.image(_seed.files("web1", {"user_data": {"a": 2, "b": 1}})) == first
    assert _seed.digest_in(first[_seed.MARK_AT :]) == _seed.digest(content)


def test_a_given_instance_id_wins() -> None:
    meta = _seed.files("web1", {"meta_data": {"instance-id": "i-2"}})["meta-data"]
    assert json.loads(meta) == {"instance-id": "i-2"}
