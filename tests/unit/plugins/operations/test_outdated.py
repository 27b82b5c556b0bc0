"""What an update wants to be restarted."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.cairn.hci.plugins.module_utils._outdated import outdated

LIBC = "7f00-7f01 r-xp 00000000 08:01 42   /usr/lib/x86_64-linux-gnu/libc.so.6 (deleted)\n"
REPLACED = "runs on a /usr/lib/x86_64-linux-gnu/libc.so.6 that was replaced"
DATA = "7f00-7f01 rw-s 00000000 00:05 42   /memfd:x (deleted)\n7f00-7f01 r-xp 00000000 08:01 1   /usr/bin/python3\n"


def process(root: Path, number: int, group: str, maps: str) -> None:
    folder = root / f"proc/{number}"
    folder.mkdir(parents=True)
    (folder / "maps").write_text(maps)
    (folder / "cgroup").write_text(f"0::{group}\n")


@pytest.mark.parametrize(
    ("number", "group", "maps", "found"),
    [
        (7, "/system.slice/libvirtd.service", LIBC, {"services": ["libvirtd.service"]}),
        (7, "/system.slice/system-ceph\\x2dosd.slice/ceph-osd@0.service", LIBC, {"services": ["ceph-osd@0.service"]}),
        (7, "/system.slice/libvirtd.service", DATA, {}),
        (7, "/system.slice/cairn-storage-vm.service", LIBC, {}),
        (7, "/user.slice/user-0.slice/session-3.scope", LIBC, {}),
        (1, "/init.scope", LIBC, {"reboot": [f"the init process {REPLACED}"]}),
        (9, "/system.slice/dbus.service", LIBC, {"reboot": [f"dbus.service {REPLACED}"]}),
    ],
)
def test_processes(tmp_path: Path, number: int, group: str, maps: str, found: dict[str, list[str]]) -> None:
    process(tmp_path, number, group, maps)
    assert outdated("6.12.48", tmp_path) == {"reboot": [], "services": []} | found


@pytest.mark.parametrize(
    ("installed", "reboot"),
    [
        ([], []),
        (["6.12.48+deb13-amd64"], []),
        (["6.12.9+deb13-amd64", "6.12.48+deb13-amd64"], []),
        (
            ["6.12.48+deb13-amd64", "6.12.57+deb13-amd64"],
            ["kernel 6.12.57+deb13-amd64 is installed and 6.12.48+deb13-amd64 runs"],
        ),
    ],
)
def test_kernels(tmp_path: Path, installed: list[str], reboot: list[str]) -> None:
    (tmp_path / "boot").mkdir()
    for version in installed:
        (tmp_path / f"boot/vmlinuz-{version}").touch()
    assert outdated("6.12.48+deb13-amd64", tmp_path)["reboot"] == reboot
