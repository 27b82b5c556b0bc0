# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node is: system, processor, memory, packages. Standard library only.

Functions take the root of the file system, so that tests can give them another one.

Private to the collection.
"""

from __future__ import annotations

import gzip
import os
import re
import shlex
import socket
import subprocess
from pathlib import Path

from ansible_collections.cairn.hci.plugins.module_utils._resource import Object

ROOT = Path("/")
# What dpkg calls a package that is neither installed nor removed.
UNFINISHED = "half-installed|unpacked|half-configured|triggers-awaited|triggers-pending"


def read_text(path: Path) -> str:
    """The text of a file; empty when it can't be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def output(*command: str) -> str:
    """What a command prints; empty when it is missing or fails."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10, env=environment)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def system(root: Path = ROOT) -> Object:
    """Distribution, release, kernel, name, and whether the node is a container."""
    release: dict[str, str] = {}
    for line in read_text(root / "etc/os-release").splitlines():
        key, equals, value = line.partition("=")
        if equals and not key.startswith("#"):
            release[key.strip()] = "".join(shlex.split(value))
    machine = os.uname()
    return {
        "hostname": socket.gethostname(),
        "distribution": release.get("ID", "unknown"),
        "distribution_name": release.get("PRETTY_NAME", "an unknown system"),
        "version": release.get("VERSION_ID", ""),
        "release": release.get("VERSION_CODENAME", ""),
        "kernel": machine.release,
        "boot_id": read_text(root / "proc/sys/kernel/random/boot_id").strip(),
        "architecture": machine.machine,
        "container": container(root),
        "user": os.geteuid(),
    }


def container(root: Path = ROOT) -> bool:
    """Whether the node is a container: systemd writes the kind to this file at boot (man 5 systemd, "container")."""
    kind = read_text(root / "run/systemd/container").strip()
    return bool(kind) or "container=" in read_text(root / "proc/1/environ")


def processor(root: Path = ROOT) -> Object:
    """Cores that can be used, and how guests can run: kvm needs the processor's flag as well as the device.

    In a guest without nested virtualization /dev/kvm can exist and yet run nothing.
    """
    flags = set(re.findall(r"\b(vmx|svm)\b", read_text(root / "proc/cpuinfo")))
    usable = bool(flags) and os.access(root / "dev/kvm", os.R_OK | os.W_OK)
    return {"cpus": len(os.sched_getaffinity(0)), "domain_type": "kvm" if usable else "qemu"}


def boot(root: Path = ROOT) -> Object:
    """The processor's vendor, the options of this boot's kernel, and of the next one's as GRUB has them."""
    vendor = re.search(r"^vendor_id\s*:\s*(\S+)", read_text(root / "proc/cpuinfo"), re.MULTILINE)
    entry = re.search(r"^\s*linux\s+\S+\s+(.*)$", read_text(root / "boot/grub/grub.cfg"), re.MULTILINE)
    return {
        "vendor": vendor[1] if vendor else "",
        "options": read_text(root / "proc/cmdline").split(),
        "next_options": entry[1].split() if entry else [],
        "grub": (root / "usr/sbin/update-grub").exists(),
    }


def memory(root: Path = ROOT) -> int:
    """The node's memory in bytes."""
    found = re.search(r"^MemTotal:\s+(\d+) kB", read_text(root / "proc/meminfo"), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def name_servers(root: Path = ROOT) -> list[str]:
    """Addresses of the name servers; not the node's own resolver, which others can't ask."""
    for file in ("etc/resolv.conf", "run/systemd/resolve/resolv.conf"):
        servers = re.findall(r"^nameserver\s+(\S+)", read_text(root / file), re.MULTILINE)
        servers = [server for server in servers if not server.startswith(("127.", "::1"))]
        if servers:
            return servers
    return []


def installed_packages(root: Path = ROOT) -> set[str]:
    """The installed packages, from dpkg's own database."""
    status = read_text(root / "var/lib/dpkg/status")
    return set(re.findall(r"^Package: (\S+)\nStatus: \S+ ok installed$", status, re.MULTILINE))


def packages_interrupted(root: Path = ROOT) -> bool:
    """Whether dpkg was, or is being, interrupted: it left a journal, or packages that are neither in nor out."""
    if any(entry.name.isdigit() for entry in (root / "var/lib/dpkg/updates").glob("*")):
        return True
    status = read_text(root / "var/lib/dpkg/status")
    return bool(re.search(rf"^Status: (\S+ reinstreq \S+|\S+ \S+ ({UNFINISHED}))$", status, re.MULTILINE))


def vlan_filtering(root: Path = ROOT) -> bool | None:
    """Whether bridges can filter VLANs, by the kernel's configuration; None where that is not to be had."""
    config = read_text(root / f"boot/config-{os.uname().release}")
    if not config:
        try:
            config = gzip.decompress((root / "proc/config.gz").read_bytes()).decode()
        except (OSError, EOFError):
            return None
    return "\nCONFIG_BRIDGE_VLAN_FILTERING=y" in config
