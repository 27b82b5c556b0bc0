# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What still runs on files that an update has replaced. Standard library only.

Functions take the root of the file system, so that tests can give them another one.

Private to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.cairn.hci.plugins.module_utils._node import read_text
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object

ROOT = Path("/")
# A mapping of a program or library that is no longer there (man 5 proc_pid_maps); other deleted files are meant to be.
REPLACED = re.compile(r"r-xp .* (/(?:usr|lib|lib64|opt)/\S+) \(deleted\)$", re.MULTILINE)
SERVICE = re.compile(r"/system\.slice/(?:.*/)?([^/]+\.service)(?:/|$)", re.MULTILINE)
# What can't be restarted without taking the rest with it.
FOUNDATIONS = {"dbus.service", "sbd.service", "sbd_remote.service", "systemd-logind.service"}
# What only watches needs no newer library, and its restart would stop what it watches.
WATCHERS = {"cairn-storage-vm.service"}


def natural(text: str) -> list[tuple[int, str]]:
    """A key that puts 6.12.9 before 6.12.48."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.findall(r"\d+|\D+", text)]


def kernel(running: str, root: Path = ROOT) -> str | None:
    """Why a newer kernel than the one that runs wants a reboot; a container has none of its own."""
    versions = [path.name.removeprefix("vmlinuz-") for path in root.glob("boot/vmlinuz-*")]
    newest = max(versions, key=natural, default=running)
    return f"kernel {newest} is installed and {running} runs" if natural(newest) > natural(running) else None


def processes(root: Path = ROOT) -> Iterator[tuple[int, str, str]]:
    """The processes that run on replaced files: their number, their service or nothing, one of the files."""
    for folder in root.glob("proc/[0-9]*"):
        found = REPLACED.search(read_text(folder / "maps"))
        if found:
            service = SERVICE.search(read_text(folder / "cgroup"))
            yield int(folder.name), service[1] if service else "", found[1]


def outdated(running: str, root: Path = ROOT) -> Object:
    """Reasons for a reboot, and the services that a restart is enough for."""
    newer = kernel(running, root)
    reasons, services = [newer] if newer else [], set()
    for number, service, file in sorted(processes(root)):
        if number == 1 or service in FOUNDATIONS:
            reasons.append(f"{service or 'the init process'} runs on a {file} that was replaced")
        elif service and service not in WATCHERS:
            services.add(service)
    return {"reboot": reasons, "services": sorted(services)}
