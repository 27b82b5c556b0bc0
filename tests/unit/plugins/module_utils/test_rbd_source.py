"""Sources of images: files, and a server on loopback."""

from __future__ import annotations

import hashlib
import os
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ansible_collections.cairn.hci.plugins.module_utils._ceph import CONNECTION, Cluster
from ansible_collections.cairn.hci.plugins.module_utils._rbd_import import data_blocks, qemu_target
from ansible_collections.cairn.hci.plugins.module_utils._rbd_source import Source
from ansible_collections.cairn.hci.plugins.module_utils._resource import ResourceError

DISK = bytes(510) + b"\x55\xaa" + bytes(64 * 1024 - 512) + b"data" * 1000
SHA = "sha256:" + hashlib.sha256(DISK).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves one disk, and some accidents."""

    def do_GET(self) -> None:
        length = {"/disk": len(DISK), "/cut": len(DISK) + 1, "/huge": 1 << 60}.get(self.path)
        self.send_response(200 if length else 404)
        self.send_header("Content-Length", str(length or 0))
        self.end_headers()
        if length:
            self.wfile.write(DISK)

    def log_message(self, *_arguments: object) -> None:
        """Be quiet."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


def source(name: str, directory: Path, checksum: str | None = SHA, seconds: int = 60) -> Source:
    return Source({"source": name, "checksum": checksum, "format": "auto"}, str(directory), seconds)


def test_a_url_is_fetched_and_leaves_no_file(server: str, tmp_path: Path) -> None:
    found = source(f"{server}/disk", tmp_path)
    assert (found.format, found.size) == ("raw", len(DISK))
    assert Path(found.path).read_bytes() == DISK
    assert not list(tmp_path.iterdir())
    found.close()


@pytest.mark.parametrize(
    ("page", "checksum", "message"),
    [
        ("none", SHA, "answers 404 Not Found"),
        ("cut", SHA, "broke off after|can't be fetched"),
        ("huge", SHA, "choose another tmp_dir"),
        ("disk", "sha256:" + "0" * 64, f"has the checksum {SHA}, not sha256:0"),
        ("disk", "sha512:" + "0" * 128, "has the checksum sha512:"),
    ],
)
def test_a_bad_answer_is_one_sentence(server: str, tmp_path: Path, page: str, checksum: str, message: str) -> None:
    with pytest.raises(ResourceError, match=message):
        source(f"{server}/{page}", tmp_path, checksum)
    assert not list(tmp_path.iterdir())


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="can't be fetched"):
        source("http://127.0.0.1:1/disk", tmp_path)


def test_a_wrong_checksum_says_what_the_file_is(tmp_path: Path) -> None:
    page = tmp_path / "page"
    page.write_text("<html>Moved</html>")
    with pytest.raises(ResourceError, match=r"not sha256:.*; it is a web page"):
        source(str(page), tmp_path)
    with pytest.raises(ResourceError, match=r"page is a web page, not a disk image\.$"):
        source(str(page), tmp_path, None)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    for name in (tmp_path / "none", tmp_path):
        with pytest.raises(ResourceError, match="is not a file on this node"):
            source(str(name), tmp_path)


def test_time_is_limited(tmp_path: Path) -> None:
    (tmp_path / "disk").write_bytes(DISK)
    found = source(str(tmp_path / "disk"), tmp_path, seconds=0)
    with pytest.raises(ResourceError, match="import_timeout"):
        found.remaining()
    found.close()


def test_a_damaged_qcow2_needs_qemu_img(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "disk.qcow2"
    path.write_bytes(b"QFI\xfb" + struct.pack(">IQIIQI36xQ24x", 3, 0, 0, 16, 1 << 20, 0, 0))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ResourceError, match="qemu-utils"):
        source(str(path), tmp_path, None)
    (tmp_path / "qemu-img").write_text('#!/bin/sh\necho \'{"corruptions": 3, "check-errors": 0}\'\nexit 2\n')
    (tmp_path / "qemu-img").chmod(0o755)
    with pytest.raises(ResourceError, match="damaged or truncated"):
        source(str(path), tmp_path, None)


def test_holes_are_not_read(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("w+b") as file:
        file.seek(64 << 20)
        file.write(b"end")
        file.flush()
        handle = file.fileno()
        parts = list(data_blocks(handle, os.fstat(handle).st_size))
    assert parts == [(64 << 20, b"end")]


def test_qemu_gets_a_target_with_its_separators_escaped() -> None:
    params = {name: spec.get("default") for name, spec in CONNECTION.items()}
    cluster = Cluster({**params, "keyring": "/k:1"})
    assert qemu_target(cluster, "vms", "a@b") == (
        r"rbd:vms/a\@b:id=admin:conf=\/etc\/ceph\/ceph.conf:client_mount_timeout=30:keyring=\/k\:1"
    )
