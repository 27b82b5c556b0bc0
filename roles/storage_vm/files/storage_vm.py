# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start this node's storage VM, stop it, or stop all other guests before it."""

from __future__ import annotations

import argparse
import sys
import time

import libvirt

# Seconds for what the start waits for at boot: its bridges, and its disks' controllers.
PATIENCE = 60
# Seconds after which a guest is asked again: one that boots hears nothing.
AGAIN = 10


def start(connection: libvirt.virConnect, name: str) -> bool:
    """Whether the storage VM runs."""
    deadline = time.monotonic() + PATIENCE
    domain = connection.lookupByName(name)
    while not domain.isActive():
        try:
            domain.create()
        except libvirt.libvirtError as error:
            print(f"{name} can't be started: {error}", flush=True)
            if time.monotonic() > deadline:
                return False
            time.sleep(1)
    return True


def running(connection: libvirt.virConnect) -> dict[str, libvirt.virDomain]:
    """The guests that run, by name."""
    return {one.name(): one for one in connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)}


def stop(connection: libvirt.virConnect, chosen: set[str], seconds: float) -> bool:
    """Whether these guests have shut down, side by side, within that time."""
    began = asked = time.monotonic() - AGAIN
    while left := {name: domain for name, domain in running(connection).items() if name in chosen}:
        now = time.monotonic()
        if now - began > seconds + AGAIN:
            print(f"Not shut down within {seconds:g} s: {', '.join(left)}", flush=True)
            return False
        if now - asked >= AGAIN:
            asked = now
            for name, domain in left.items():
                try:
                    domain.shutdown()
                except libvirt.libvirtError as error:
                    print(f"{name}: {error}", flush=True)
        time.sleep(0.5)
    return True


def main() -> int:
    """Entry point: 1 where it was not done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=["start", "stop", "stop-others"])
    parser.add_argument("name", help="the storage VM")
    parser.add_argument("--timeout", type=float, default=120, help="seconds for a clean shutdown")
    given = parser.parse_args()
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    with libvirt.open("qemu:///system") as connection:
        if given.action == "start":
            return 0 if start(connection, given.name) else 1
        others = running(connection).keys() - {given.name}
        return 0 if stop(connection, {given.name} if given.action == "stop" else set(others), given.timeout) else 1


if __name__ == "__main__":
    sys.exit(main())
