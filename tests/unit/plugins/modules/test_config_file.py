"""config_file, against real files."""

from __future__ import annotations

import getpass
import grp
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.cairn.hci.plugins.module_utils import _config_file

Run = Callable[..., dict[str, Any]]
OWNERS = {"owner": getpass.getuser(), "group": grp.getgrgid(os.getgid()).gr_name}


def test_a_file_is_made_kept_changed_and_removed(run_module: Run, tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.conf"
    file = {"path": str(path), "content": "one\n", **OWNERS}
    assert run_module("config_file", **file, check_mode=True)["changed"]
    assert not path.exists()

    created = run_module("config_file", **file)
    assert created["changed"]
    assert created["diff"]["after"][str(path)]["content"] == "one\n"
    assert path.read_text() == "one\n"
    assert path.stat().st_mode & 0o7777 == 0o644
    assert not run_module("config_file", **file)["changed"]

    changed = run_module("config_file", **{**file, "content": "two\n"})
    assert changed["diff"] == {
        "before": {str(path): {"content": "one\n"}},
        "after": {str(path): {"content": "two\n"}},
    }
    assert path.read_text() == "two\n"
    assert list(path.parent.iterdir()) == [path]

    assert run_module("config_file", path=str(path), state="absent")["changed"]
    assert not path.exists()
    assert not run_module("config_file", path=str(path), state="absent")["changed"]


def test_a_secret_is_private_and_never_shown(run_module: Run, tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    created = run_module("config_file", files=[{"path": str(path), "secret": "hush-hush", **OWNERS}])
    assert path.read_text() == "hush-hush"
    assert path.stat().st_mode & 0o7777 == 0o600
    assert "hush-hush" not in str(created)

    changed = run_module("config_file", files=[{"path": str(path), "secret": "hush-hush-2", **OWNERS}])
    assert changed["changed"]
    assert "hush-hush" not in str(changed)
    assert "hush-hush" not in str(run_module("config_file_info", path=[str(path)]))


def test_a_changed_mode_alone_is_mended(run_module: Run, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("x")
    path.chmod(0o666)
    result = run_module("config_file", path=str(path), content="x", mode="640", **OWNERS)
    assert result["diff"]["after"] == {str(path): {"mode": "0640"}}
    assert path.stat().st_mode & 0o7777 == 0o640


def test_many_files_are_one_call(run_module: Run, tmp_path: Path) -> None:
    files = [{"path": str(tmp_path / str(n)), "content": str(n), **OWNERS} for n in range(50)]
    assert sum(file["changed"] for file in run_module("config_file", files=files)["files"]) == 50
    (tmp_path / "7").write_text("other")
    again = run_module("config_file", files=files)["files"]
    assert [file["path"] for file in again if file["changed"]] == [str(tmp_path / "7")]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "give either content or secret"),
        ({"content": "a", "secret": "b"}, "give either content or secret"),
        ({"content": "a", "mode": "rw"}, "is not octal"),
        ({"content": "a", "owner": "nobody-at-all"}, "can't be written"),
    ],
)
def test_bad_input_is_one_sentence(run_module: Run, tmp_path: Path, options: dict[str, str], sentence: str) -> None:
    path = tmp_path / "file"
    result = run_module("config_file", path=str(path), **options)
    assert result["failed"]
    assert sentence in result["msg"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("started", "changed"), [("@1", True), ("@99999999999", False), ("", False)])
def test_a_file_that_its_unit_has_not_read_counts_as_changed(
    run_module: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: str, changed: bool
) -> None:
    path = tmp_path / "file.conf"
    path.write_text("x")
    path.chmod(0o644)
    monkeypatch.setattr(_config_file, "run", lambda *_args, **_options: f"ActiveEnterTimestamp={started}\n")
    result = run_module("config_file", path=str(path), content="x", unit="some.service", **OWNERS)
    assert result["changed"] is changed
    assert path.read_text() == "x"
