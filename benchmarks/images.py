"""500 RBD images: one call of rbd_image, a shell loop over `rbd create`, an Ansible loop over it, and librbd alone.

In a pool of three copies, and in one of a single copy: the OSDs of a lab share the machine's processors with what is
measured, and three copies are three times their work. Run on a converged lab. Makes the pool `bench`, and removes it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from _bench import Bench, Object, play, process, repeat, seconds

COUNT = 500
SAMPLE = 20
POOL = "bench"
IMAGES = [{"name": f"bench-{number}", "pool": POOL, "size": "1GiB"} for number in range(COUNT)]
CREATE: Object = {"cairn.hci.rbd_image": {"images": "{{ images }}"}}
SHELL = "for i in $(seq {count}); do rbd create --size 1G {pool}/shell-$i || exit 1; done"
LOOP: Object = {
    "ansible.builtin.command": f"rbd create --size 1G {POOL}/loop-{{{{ item }}}}",
    "loop": list(range(SAMPLE)),
}
LIBRBD: Object = {
    "ansible.builtin.script": {
        "cmd": f"{Path(__file__).parent}/files/create_images.py {POOL} {COUNT}",
        "executable": "/usr/bin/python3",
    }
}


def pool(state: str, copies: int = 3) -> None:
    """Make the pool anew, or remove it with all that is in it."""
    gone = {"cairn.hci.ceph_pool": {"name": POOL, "state": "absent", "force": True}}
    options = {
        "application": "rbd",
        "pg_num": 32,
        "pg_autoscale_mode": "off",
        "size": copies,
        "min_size": min(copies, 2),
    }
    new = {"cairn.hci.ceph_pool": {"name": POOL, **options}}
    # Placement groups that are still being made would be timed with the first image.
    wait = {
        "ansible.builtin.command": "ceph pg stat --format json",
        "register": "pgs",
        "until": "(pgs.stdout | from_json).pg_summary.num_pg_by_state "
        "| rejectattr('name', 'eq', 'active+clean') | length == 0",
        "retries": 60,
        "delay": 1,
    }
    play([gone, new, wait] if state == "present" else [gone])


def allow(allowed: bool) -> None:
    """Let pools of a single copy be made, which Ceph refuses as it is."""
    option = "mon mon_allow_pool_size_one"
    line = f"ceph config set {option} true" if allowed else f"ceph config rm {option}"
    play([{"ansible.builtin.command": line}])


def fresh(copies: int, task: Object, **variables: Any) -> float:
    """The seconds of a task in an empty pool."""
    pool("present", copies)
    return seconds(task, **variables)


def librbd(copies: int) -> float:
    """The seconds that librbd itself takes, in as many threads as the module has."""
    pool("present", copies)
    return float(json.loads(play([LIBRBD])[-1]["result"]["stdout"])["seconds"])


def creation(bench: Bench, copies: int, turns: int) -> None:
    """Measure how images are made. In turns, for the machine's speed changes from minute to minute."""
    shell = {"ansible.builtin.shell": SHELL.format(count=COUNT, pool=POOL)}
    times = [
        (
            fresh(copies, shell),
            fresh(copies, LOOP) / SAMPLE * COUNT,
            librbd(copies),
            fresh(copies, CREATE, images=IMAGES),
        )
        for _ in range(turns)
    ]
    loops, samples, floors, made = [list(values) for values in zip(*times, strict=True)]
    what = f"{COUNT} images of {copies} {'copies' if copies > 1 else 'copy'}"
    by_shell = bench.add(f"{what}, shell loop over rbd create", loops, "s")
    note = f"scaled from {SAMPLE} images"
    by_loop = bench.add(f"{what}, Ansible loop over rbd create", samples, "s", note=note)
    floor = bench.add(f"{what}, librbd alone", floors, "s", note="in the process")
    bench.add(f"{what}, rbd_image", made, "s", against=by_shell, target="8x")
    bench.add(f"{what}, rbd_image, against the Ansible loop", made, "s", against=by_loop, target="50x")
    bench.add(f"{what}, rbd_image, against librbd alone", made, "s", against=floor)


def measure(bench: Bench) -> None:
    """Take all figures."""
    creation(bench, copies=1, turns=2)
    creation(bench, copies=3, turns=3)
    again = repeat(5, lambda: seconds(CREATE, images=IMAGES))
    listing = repeat(3, lambda: seconds({"ansible.builtin.command": f"rbd ls --long --format json {POOL}"}))
    by_rbd = bench.add(f"{COUNT} images, rbd ls --long", listing, "s")
    bench.add(f"{COUNT} images, rbd_image unchanged", again, "s", against=by_rbd)

    pool("present")
    for what in ("made", "unchanged"):
        peak = process("rbd_image", CREATE, images=IMAGES).memory
        bench.add(f"peak memory of rbd_image, {COUNT} images {what}", [peak], "MB", target="150 MB")


def main() -> None:
    """Measure, and leave nothing behind."""
    bench = Bench("images")
    try:
        allow(True)
        measure(bench)
    finally:
        pool("absent")
        allow(False)
    bench.finish()


if __name__ == "__main__":
    main()
