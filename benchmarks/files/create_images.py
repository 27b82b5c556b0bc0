"""Make RBD images with librbd and nothing else, and print the seconds it took: `create_images.py POOL COUNT`."""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import rados
import rbd

THREADS = 32  # as rbd_image


def main() -> None:
    """Time it, without the connection."""
    pool, count = sys.argv[1], int(sys.argv[2])
    with rados.Rados(conffile="/etc/ceph/ceph.conf") as cluster, cluster.open_ioctx(pool) as images:
        api = rbd.RBD()
        options = {option["name"]: option["value"] for option in api.config_list(images)}
        features = int(options["rbd_default_features"])

        def create(number: int) -> None:
            api.create(images, f"librbd-{number}", 1 << 30, old_format=False, features=features)

        started = time.monotonic()
        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(create, range(count)))
        print(json.dumps({"seconds": time.monotonic() - started}))


if __name__ == "__main__":
    main()
