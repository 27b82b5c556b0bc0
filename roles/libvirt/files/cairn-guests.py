"""Start this node's guests that are marked for autostart, once their storage answers.

libvirt would start them when its daemon starts; after a power cut that is before the Ceph monitors have a quorum.
"""

from __future__ import annotations

import argparse
import sys
import time

import libvirt
import rados

CLIENT = "client.libvirt"
LIMITS = {"client_mount_timeout": "10", "rados_mon_op_timeout": "10", "rados_osd_op_timeout": "10"}


def storage_answers(pool: str) -> bool:
    """Whether an object of the pool can be asked for: the monitors have a quorum and its placement group is active."""
    cluster = rados.Rados(name=CLIENT, conffile="/etc/ceph/ceph.conf", conf=LIMITS)
    try:
        with cluster, cluster.open_ioctx(pool) as ioctx:
            ioctx.stat("rbd_directory")
    except rados.ObjectNotFound:
        return True
    except rados.Error as error:
        print(f"The storage does not answer yet: {error}", flush=True)
        return False
    return True


def start_guests() -> int:
    """Start what is marked for autostart and does not run; return how many could not be started."""
    failed = 0
    with libvirt.open("qemu:///system") as connection:
        flags = libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART | libvirt.VIR_CONNECT_LIST_DOMAINS_INACTIVE
        for domain in connection.listAllDomains(flags):
            try:
                domain.create()
                print(f"{domain.name()} is started.", flush=True)
            except libvirt.libvirtError as error:
                failed += 1
                print(f"{domain.name()} can't be started: {error}", flush=True)
    return failed


def main() -> int:
    """Entry point: exit 1 where a guest could not be started."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pool", required=True, help="the pool of the guests' disks")
    pool = parser.parse_args().pool
    while not storage_answers(pool):
        time.sleep(1)
    return 1 if start_guests() else 0


if __name__ == "__main__":
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    sys.exit(main())
