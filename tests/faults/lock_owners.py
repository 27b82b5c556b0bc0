"""Who holds the exclusive locks of RBD images; runs on a node.

    lock_owners.py POOL IMAGE...

A line of JSON for each look: the image's name, and the address of the client that holds its lock, null without one.
"""

from __future__ import annotations

import json
import sys
import time

import rados
import rbd

PERIOD_SECONDS = 1.0


def main(pool: str, *names: str) -> None:
    """Look for ever, with one connection."""
    with rados.Rados(conffile="/etc/ceph/ceph.conf") as cluster, cluster.open_ioctx(pool) as ioctx:
        while True:
            owners = {}
            for name in names:
                with rbd.Image(ioctx, name, read_only=True) as image:
                    lockers = image.list_lockers() or {"lockers": []}
                    owners[name] = next((address for _client, _cookie, address in lockers["lockers"]), None)
            print(json.dumps(owners), flush=True)
            time.sleep(PERIOD_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
