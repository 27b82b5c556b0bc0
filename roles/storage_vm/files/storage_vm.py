# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep this node's storage VM running, stop it, or stop all other guests before it."""

from __future__ import annotations

import argparse
import os
import re
import select
import socket
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import libvirt

# Seconds for what the start waits for at boot: its bridges, and its disks' controllers.
PATIENCE = 60
# Seconds after which a guest is asked again: one that boots hears nothing.
AGAIN = 10
DEVICES = Path("/sys/bus/pci/devices")
# Where libvirt writes the number of each guest's process.
PROCESSES = Path("/run/libvirt/qemu")
# As the OSDs of other nodes: a guest goes before what all guests need.
OOM_SCORE_ADJUST = "-900"


def start(connection: libvirt.virConnect, name: str) -> bool:
    """Whether the storage VM runs."""
    deadline, said = time.monotonic() + PATIENCE, ""
    domain = connection.lookupByName(name)
    while not domain.isActive():
        try:
            domain.create()
        except libvirt.libvirtError as error:
            if said != str(error):
                said = str(error)
                print(f"{name} can't be started: {said}", flush=True)
            if time.monotonic() > deadline and not drop_dead_devices(domain):
                return False
            time.sleep(1)
    return True


def drop_dead_devices(domain: libvirt.virDomain) -> bool:
    """Whether it was to have devices that are not there, or not set aside: its other disks are needed without them."""
    dead, configured = [], ET.fromstring(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    for device in configured.iterfind("devices/hostdev[@type='pci']"):
        place = device.find("source/address")
        numbers = [int(place.get(part, "0"), 16) for part in ("domain", "bus", "slot", "function")]
        address = "{:04x}:{:02x}:{:02x}.{:x}".format(*numbers)
        # Another card in the slot stays with the node's own driver.
        if os.path.basename(os.path.realpath(DEVICES / address / "driver")) != "vfio-pci":
            dead.append(address)
            domain.detachDeviceFlags(ET.tostring(device, "unicode"), libvirt.VIR_DOMAIN_AFFECT_CONFIG)
    if dead:
        print(f"{domain.name()} is started without {', '.join(dead)}: not there, or another card by now", flush=True)
    return bool(dead)


def notify(state: str) -> None:
    """Tell systemd (sd_notify(3))."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.connect(re.sub("^@", "\0", os.environ["NOTIFY_SOCKET"]))
        link.send(state.encode())


def watch(name: str) -> None:
    """Tell systemd that it runs, and wait until it does no more."""
    process = int((PROCESSES / f"{name}.pid").read_text())
    handle = os.pidfd_open(process)
    try:
        Path(f"/proc/{process}/oom_score_adj").write_text(OOM_SCORE_ADJUST)
    except OSError as error:
        print(f"{name} is not spared when memory runs out: {error}", flush=True)
    notify("READY=1")
    # Readable when the process ends (pidfd_open(2)), whatever becomes of libvirt's daemon meanwhile.
    select.select([handle], [], [])
    os.close(handle)
    print(f"{name} has ended", flush=True)


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
    parser.add_argument("action", choices=["keep", "stop", "stop-others"])
    parser.add_argument("name", help="the storage VM")
    parser.add_argument("--timeout", type=float, default=120, help="seconds for a clean shutdown")
    given = parser.parse_args()
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    with libvirt.open("qemu:///system") as connection:
        if given.action != "keep":
            others = running(connection).keys() - {given.name}
            return 0 if stop(connection, {given.name} if given.action == "stop" else set(others), given.timeout) else 1
        started = start(connection, given.name)
    if started:
        watch(given.name)
    # Whatever ended it, systemd starts it again.
    return 1


if __name__ == "__main__":
    sys.exit(main())
