"""The packages that a node has from the start."""

from __future__ import annotations

import pytest
import rootfs

KNOWN = {
    "base_required_packages": ["chrony", "ceph-osd"],
    "base_ha_packages": ["pacemaker", "pacemaker-remote"],
    "base_release_packages": {"trixie": ["ceph-volume"], "bookworm": ["fence-agents"]},
}


@pytest.mark.parametrize(
    ("value", "release", "packages"),
    [
        ("", "trixie", []),
        ("jq, tcpdump jq", "trixie", ["jq", "tcpdump"]),
        ("roles", "trixie", ["ceph-osd", "ceph-volume", "chrony", "pacemaker"]),
        ("roles jq", "bookworm", ["ceph-osd", "chrony", "fence-agents", "jq", "pacemaker"]),
    ],
)
def test_further_packages(monkeypatch: pytest.MonkeyPatch, value: str, release: str, packages: list[str]) -> None:
    monkeypatch.setenv("LAB_PACKAGES", value)
    monkeypatch.setattr("host.read_variables", lambda _path: KNOWN)
    assert rootfs.further("LAB_PACKAGES", release) == packages
