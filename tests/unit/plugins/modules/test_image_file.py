"""image_file, with the real qemu-img."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., dict[str, Any]]
DISK = bytes(510) + b"\x55\xaa" + bytes(1024**2 - 512)
SHA = "sha256:" + hashlib.sha256(DISK).hexdigest()


@pytest.fixture
def source(tmp_path: Path) -> str:
    """A raw image of 1 MiB."""
    path = tmp_path / "source.raw"
    path.write_bytes(DISK)
    return str(path)


def info(path: Path) -> dict[str, Any]:
    """What qemu-img says of an image."""
    command = ["qemu-img", "info", "--output=json", str(path)]
    found: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return found


def test_made_kept_grown_and_removed(run_module: Run, tmp_path: Path, source: str) -> None:
    path = tmp_path / "images" / "store1.qcow2"
    image = {"path": str(path), "source": source, "checksum": SHA, "size": "2MiB"}
    assert run_module("image_file", **image, check_mode=True)["changed"]
    assert not path.exists()

    made = run_module("image_file", **image)
    assert made["changed"]
    assert made["images"][0]["size"] == "2MiB"
    assert (info(path)["format"], info(path)["virtual-size"]) == ("qcow2", 2 * 1024**2)
    assert path.stat().st_mode & 0o7777 == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["store1.qcow2"]
    assert not run_module("image_file", **image)["changed"]
    assert not run_module("image_file", **{**image, "size": None})["changed"]

    grown = run_module("image_file", **{**image, "size": "3MiB"})
    assert grown["diff"] == {"before": {str(path): {"size": "2MiB"}}, "after": {str(path): {"size": "3MiB"}}}
    assert info(path)["virtual-size"] == 3 * 1024**2

    assert run_module("image_file_info", path=[str(path), "/nowhere"])["images"] == [
        {"path": str(path), "size": "3MiB", "kind": "qcow2", "in_use": False}
    ]
    assert run_module("image_file", path=str(path), state="absent")["changed"]
    assert not path.exists()
    assert not run_module("image_file", path=str(path), state="absent")["changed"]


def test_an_empty_one_and_its_source_s_size(run_module: Run, tmp_path: Path, source: str) -> None:
    items = [{"path": f"{tmp_path}/empty.qcow2", "size": "1GiB"}, {"path": f"{tmp_path}/copy.qcow2", "source": source}]
    assert [one["size"] for one in run_module("image_file", images=items)["images"]] == ["1GiB", "1MiB"]


def test_an_interrupted_one_is_made_anew(run_module: Run, tmp_path: Path, source: str) -> None:
    (tmp_path / "store1.qcow2.unfinished").write_bytes(b"half")
    assert run_module("image_file", path=f"{tmp_path}/store1.qcow2", source=source)["changed"]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["source.raw", "store1.qcow2"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "PATH: there is no such image; give a source, or a size for an empty one."),
        (
            {"source": "image.raw"},
            "PATH: source 'image.raw' is neither an absolute path on the node nor an http(s) URL.",
        ),
        (
            {"source": "SOURCE", "checksum": f"sha256:{'0' * 64}"},
            f"SOURCE has the checksum {SHA}, not sha256:{'0' * 64}.",
        ),
        ({"source": "/nowhere"}, "/nowhere is not a file on this node: copy the image here first."),
        (
            {"source": "SOURCE", "size": "512KiB"},
            "PATH: size 512KiB is less than the 1MiB of SOURCE; give at least that.",
        ),
    ],
)
def test_refused(run_module: Run, tmp_path: Path, source: str, options: dict[str, str], sentence: str) -> None:
    path = f"{tmp_path}/store1.qcow2"
    given = {name: value.replace("SOURCE", source) for name, value in options.items()}
    assert run_module("image_file", path=path, **given)["msg"] == sentence.replace("PATH", path).replace(
        "SOURCE", source
    )
    assert not Path(path).exists()


def test_not_shrunk(run_module: Run, tmp_path: Path) -> None:
    path = f"{tmp_path}/store1.qcow2"
    run_module("image_file", path=path, size="2MiB")
    assert run_module("image_file", path=path, size="1MiB")["msg"] == (
        f"{path} has 2MiB and is not shrunk to 1MiB, which would cut off data; give at least 2MiB."
    )


def test_one_that_a_guest_has_open_is_left_alone(run_module: Run, tmp_path: Path) -> None:
    path = f"{tmp_path}/store1.qcow2"
    run_module("image_file", path=path, size="2MiB")
    # It tells what it read at once, and so that it has the image open: who looks while it opens it takes its lock away.
    command = ["stdbuf", "-oL", "qemu-io", "-f", "qcow2", "-c", "read 0 512", "-c", "sleep 60000", path]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as guest:
        assert guest.stdout
        assert b"read 512/512" in guest.stdout.readline()
        assert run_module("image_file_info", path=[path])["images"][0]["in_use"]
        assert not run_module("image_file", path=path)["changed"]
        assert run_module("image_file", path=path, size="3MiB")["msg"].endswith("option size of that guest's disk.")
        assert run_module("image_file", path=path, state="absent")["msg"].endswith("shut that down first.")
        guest.kill()
