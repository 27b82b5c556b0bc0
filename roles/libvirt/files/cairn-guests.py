"""Start this node's guests that are marked for autostart, once their storage answers.

libvirt would start them when its daemon starts; after a power cut that is before the Ceph monitors have a quorum.
"""

from __future__ import annotations

import argparse
import sys
import time
from xml.etree import ElementTree

import libvirt
import rados
import rbd

CLIENT = "client.libvirt"
LIMITS = {"client_mount_timeout": "10", "rados_mon_op_timeout": "10", "rados_osd_op_timeout": "10"}
# A client's watch ends that long after its last sign of life, and some.
DEAD_SECONDS = 60
# The storage answers no more, as it may for minutes after a power cut of all nodes: nothing is known of a disk.
SILENT = (rados.TimedOut, rbd.Timeout)


class Failure(Exception):
    """Why a guest is not started."""


def storage() -> rados.Rados:
    """A connection to the storage, which a `with` opens."""
    return rados.Rados(name=CLIENT, conffile="/etc/ceph/ceph.conf", conf=LIMITS)


def storage_answers(pool: str) -> bool:
    """Whether an object of the pool can be asked for: the monitors have a quorum and its placement group is active."""
    try:
        with storage() as cluster, cluster.open_ioctx(pool) as ioctx:
            ioctx.stat("rbd_directory")
    except rados.ObjectNotFound:
        return True
    except rados.Error as error:
        print(f"The storage does not answer yet: {error}", flush=True)
        return False
    return True


def disks(xml: str) -> list[tuple[str, str]]:
    """Pool and name of each RBD image of a domain."""
    sources = ElementTree.fromstring(xml).iterfind("devices/disk/source[@protocol='rbd']")
    return [(pool, image) for pool, _slash, image in (source.get("name", "").partition("/") for source in sources)]


def wait_for_storage(pool: str) -> None:
    """Wait until the storage answers, for ever."""
    while not storage_answers(pool):
        time.sleep(1)


def open_elsewhere(xml: str) -> bool:
    """Whether another node has a disk of a domain open, beside this process; that of a dead one ends after 30 s."""
    with storage() as cluster:
        for pool, image in disks(xml):
            with cluster.open_ioctx(pool) as ioctx, rbd.Image(ioctx, image) as opened:
                if len({watcher["addr"].rpartition(":")[0] for watcher in opened.watchers_list()}) > 1:
                    return True
    return False


def check_disks(xml: str) -> None:
    """Raise Failure where a guest runs elsewhere: this node may have been away while it was given to another."""
    deadline = time.monotonic() + DEAD_SECONDS
    try:
        while open_elsewhere(xml):
            if time.monotonic() > deadline:
                raise Failure("another node has its disks open")
            time.sleep(1)
    except SILENT:
        raise
    except (rados.Error, rbd.Error) as error:
        raise Failure(f"its disks can't be had: {error}") from error


def start(domain: libvirt.virDomain, pool: str) -> bool:
    """Start a guest; whether it could be started. A storage that falls silent meanwhile is waited for."""
    while True:
        try:
            check_disks(domain.XMLDesc())
            domain.create()
            print(f"{domain.name()} is started.", flush=True)
            return True
        except SILENT as error:
            print(f"{domain.name()} waits, for the storage is silent again: {error}", flush=True)
            wait_for_storage(pool)
        except (libvirt.libvirtError, Failure) as error:
            print(f"{domain.name()} can't be started: {error}", flush=True)
            return False


def start_guests(pool: str) -> int:
    """Start what is marked for autostart and does not run; return how many could not be started."""
    with libvirt.open("qemu:///system") as connection:
        flags = libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART | libvirt.VIR_CONNECT_LIST_DOMAINS_INACTIVE
        return sum(not start(domain, pool) for domain in connection.listAllDomains(flags))


def main() -> int:
    """Entry point: exit 1 where a guest could not be started."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pool", required=True, help="the pool of the guests' disks")
    pool = parser.parse_args().pool
    # libvirt is asked after that: its daemon may be restarted while this waits.
    wait_for_storage(pool)
    return 1 if start_guests(pool) else 0


if __name__ == "__main__":
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    sys.exit(main())
