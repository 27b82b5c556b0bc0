# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of ocf:cairn:vm that talks to libvirt and Ceph; Pacemaker calls it through the agent.

Exit codes are those of OCF; what goes to standard error is the exit reason that Pacemaker shows.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from xml.etree import ElementTree

import libvirt
import rados
import rbd

SUCCESS, FAILURE, NOT_RUNNING = 0, 1, 7
SETTINGS = Path("/usr/local/lib/cairn/ha.json")
CLIENT = "client.libvirt"
# What Pacemaker gives an operation, in milliseconds.
TIMEOUT = "OCF_RESKEY_CRM_meta_timeout"
LIMITS = dict.fromkeys(("client_mount_timeout", "rados_mon_op_timeout", "rados_osd_op_timeout"), "20")
# Seconds: between two looks, until a guest is asked again to shut down, kept of an operation's timeout for its end.
LOOK, ASK_AGAIN, RESERVE = 0.1, 15.0, 15.0
# The same of a stop: a node that fails to end a guest is fenced, and one with many guests to end is slow.
STOP_RESERVE = 105.0
PATIENCE = 5.0
# Milliseconds.
LONG_PAUSE = 10_000


T = TypeVar("T")


class Failure(Exception):
    """Why an operation failed."""


def settings() -> dict[str, Any]:
    """What the role ha wrote: pool and object of the registry, and the nodes' addresses."""
    found: dict[str, Any] = json.loads(SETTINGS.read_text(encoding="utf-8"))
    return found


def deadline(reserve: float = RESERVE) -> float:
    """When this operation must have come to its end, by the monotonic clock."""
    timeout = int(os.environ.get(TIMEOUT, "120000")) / 1000
    return time.monotonic() + (timeout - reserve if timeout > reserve else timeout / 2)


def connect(until: float) -> libvirt.virConnect:
    """The local daemon, which may be about to start again."""
    while True:
        try:
            return libvirt.open("qemu:///system")
        except libvirt.libvirtError as error:
            if time.monotonic() > until:
                raise Failure(f"libvirt does not answer: {error}") from error
            time.sleep(LOOK)


def lookup(connection: libvirt.virConnect, name: str) -> libvirt.virDomain | None:
    """The active domain of that name."""
    try:
        domain = connection.lookupByName(name)
        return domain if domain.isActive() else None
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return None
        raise


# -- start


@contextmanager
def cluster() -> Iterator[rados.Rados]:
    """The storage, as the guests' client."""
    with rados.Rados(name=CLIENT, conffile="/etc/ceph/ceph.conf", conf=LIMITS) as connection:
        yield connection


def definition(ceph: rados.Rados, name: str) -> str:
    """The XML of a VM."""
    place = settings()
    with ceph.open_ioctx(place["pool"]) as ioctx, rados.ReadOpCtx() as operation:
        values, _status = ioctx.get_omap_vals_by_keys(operation, (name,))
        try:
            ioctx.operate_read_op(operation, place["registry"])
            found = dict(values)
        except rados.ObjectNotFound:
            found = {}
    if name not in found:
        raise Failure(f"the registry has no VM {name}; run site.yml")
    text: bytes = found[name]
    return text.decode()


def disks(xml: str) -> list[tuple[str, str]]:
    """Pool and name of the RBD images that a domain writes to."""
    found = []
    for disk in ElementTree.fromstring(xml).iterfind("devices/disk[@type='network']"):
        source = disk.find("source")
        if source is not None and source.get("protocol") == "rbd" and disk.find("readonly") is None:
            pool, _slash, image = source.get("name", "").partition("/")
            found.append((pool, image))
    return found


def shown() -> ElementTree.Element:
    """The cluster as Pacemaker shows it; nothing in it when that has no answer."""
    command = ("crm_mon", "--one-shot", "--output-as=xml")
    try:
        text = subprocess.run(command, capture_output=True, check=False, text=True, timeout=10).stdout
        return ElementTree.fromstring(text)
    except (OSError, subprocess.SubprocessError, ElementTree.ParseError):
        return ElementTree.Element("none")


def within(seconds: float, call: Callable[[], T]) -> T | None:
    """What a call of libvirt returns; None when it fails, or takes longer: a daemon that hangs must not hold us up."""
    answers: list[T] = []

    def attempt() -> None:
        try:
            answers.append(call())
        except libvirt.libvirtError as error:
            print(f"libvirt: {error}", file=sys.stderr)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(seconds)
    return answers[0] if answers else None


def peers() -> dict[str, str]:
    """The other nodes that are in the cluster now, by their address on the storage network."""
    members = {node.get("name") for node in shown().iterfind("nodes/node[@online='true']")}
    own = os.uname().nodename
    return {node["storage"]: name for name, node in settings()["nodes"].items() if name in members and name != own}


def runs_at(node: str, name: str) -> bool:
    """Whether a VM runs on another node, as far as that one can tell within PATIENCE."""

    def ask() -> bool:
        with libvirt.open(f"qemu+tls://{node}/system") as connection:
            return lookup(connection, name) is not None

    return bool(within(PATIENCE, ask))


def take_disks(ceph: rados.Rados, name: str, images: list[tuple[str, str]]) -> None:
    """Cut off whoever still holds the exclusive lock of a disk: a process that died, or a node that was fenced.

    librbd itself would wait up to 30 s for the watch of a dead client to end. Breaking a lock blocklists its owner, so
    a guest that lives on unseen can't write any more. Raise Failure for one that is known to run.
    """
    for pool, image in images:
        with ceph.open_ioctx(pool) as ioctx, rbd.Image(ioctx, image) as opened:
            for owner in list(opened.lock_get_owners()):
                node = peers().get(owner["owner"].rpartition(":")[0].strip("[]"))
                if node and runs_at(node, name):
                    raise Failure(f"{name} runs on {node}; it is not started a second time")
                opened.lock_break(owner["mode"], owner["owner"])


def start(name: str) -> int:
    """Start the guest from the registry."""
    until = deadline()
    with cluster() as ceph:
        xml = definition(ceph, name)
        take_disks(ceph, name, disks(xml))
    connection = connect(until)
    domain = lookup(connection, name)
    # The half of a migration whose other node was lost.
    if domain is not None and domain.state() == [libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_MIGRATION]:
        domain.destroy()
        domain = None
    if domain is None:
        connection.createXML(xml)
    return SUCCESS


# -- stop


def has_quorum() -> bool:
    """Whether this node may still run anything; without an answer, yes."""
    return shown().find("summary/current_dc[@with_quorum='false']") is None


def lives(pid: int) -> bool:
    """Whether a process is there, and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ask_to_stop(name: str) -> None:
    """Ask the guest to shut down; a paused one is resumed for that. A daemon that does not answer is asked again."""

    def ask() -> None:
        with libvirt.open("qemu:///system") as connection:
            domain = lookup(connection, name)
            if domain is not None and domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED:
                domain.resume()
            if domain is not None:
                domain.shutdown()

    within(PATIENCE, ask)


def cut_power(name: str, pid: int) -> None:
    """End the guest's process, by the daemon or, when that does not do it in time, by a signal."""

    def cut() -> None:
        with libvirt.open("qemu:///system") as connection:
            domain = lookup(connection, name)
            if domain is not None:
                domain.destroy()

    within(PATIENCE, cut)
    if lives(pid):
        os.kill(pid, signal.SIGKILL)


def end(name: str, pid: int) -> int:
    """End what is no guest: the half of a migration that did not arrive."""
    while lives(pid):
        cut_power(name, pid)
        time.sleep(LOOK)
    return SUCCESS


def stop(name: str, pid: int) -> int:
    """Shut the guest down; cut its power when time is up. Without quorum at once, for it runs elsewhere soon."""
    until = deadline(STOP_RESERVE) if has_quorum() else 0.0
    again = 0.0
    while lives(pid):
        if time.monotonic() > until:
            return end(name, pid)
        if time.monotonic() > again:
            ask_to_stop(name)
            again = time.monotonic() + ASK_AGAIN
        time.sleep(LOOK)
    return SUCCESS


# -- migration and errors


def migrate(name: str, target: str) -> int:
    """Move the running guest to another node, encrypted, from node to node.

    A guest that writes faster than the network takes is slowed down (auto-converge); after half of the time it may also
    stand still for LONG_PAUSE. At its end the guest stays: Pacemaker would else believe that it did, while it moves on.
    No post-copy: it would lose the guest with either node.
    """
    until = deadline()
    domain = lookup(connect(until), name)
    if domain is None:
        return NOT_RUNNING
    flags = libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PEER2PEER | libvirt.VIR_MIGRATE_TLS
    flags |= libvirt.VIR_MIGRATE_AUTO_CONVERGE
    if domain.isPersistent():
        flags |= libvirt.VIR_MIGRATE_UNDEFINE_SOURCE
    address = settings()["nodes"][target]["migration"]
    left = until - time.monotonic()
    timers = [
        threading.Timer(left / 2, domain.migrateSetMaxDowntime, (LONG_PAUSE,)),
        threading.Timer(left, domain.abortJob),
    ]
    for timer in timers:
        timer.daemon = True
        timer.start()
    parameters = {libvirt.VIR_MIGRATE_PARAM_URI: f"tcp://{address}"}
    domain.migrateToURI3(f"qemu+tls://{target}/system", parameters, flags)
    for timer in timers:
        timer.cancel()
    return SUCCESS


def arrived(name: str) -> int:
    """Whether the guest runs here after its migration."""
    domain = lookup(connect(deadline()), name)
    if domain is None:
        return NOT_RUNNING
    return SUCCESS


def resume(name: str) -> int:
    """Let a guest go on that an I/O error stopped; while the storage is away, that is tried at every monitor."""

    def go_on() -> None:
        with libvirt.open("qemu:///system") as connection:
            domain = lookup(connection, name)
            if domain is not None and domain.state() == [libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_IOERROR]:
                domain.resume()

    within(PATIENCE, go_on)
    return SUCCESS


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=("start", "stop", "end", "migrate", "arrived", "resume"))
    parser.add_argument("name")
    parser.add_argument("argument", nargs="?", default="", help="stop, end: the guest's process; migrate: the node")
    options = parser.parse_args()
    try:
        if options.action in ("stop", "end"):
            return {"stop": stop, "end": end}[options.action](options.name, int(options.argument))
        if options.action == "migrate":
            return migrate(options.name, options.argument)
        return {"start": start, "arrived": arrived, "resume": resume}[options.action](options.name)
    except (Failure, libvirt.libvirtError, rados.Error, rbd.Error, OSError) as error:
        print(f"ocf-exit-reason:{error}", file=sys.stderr)
        return SUCCESS if options.action == "resume" else FAILURE


if __name__ == "__main__":
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    sys.exit(main())
