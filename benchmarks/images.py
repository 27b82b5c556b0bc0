"""500 RBD images: one call of rbd_image, a shell loop over `rbd create`, and an Ansible loop over it.

Run on a converged lab. Makes the pool `bench`, and removes it.
"""

from __future__ import annotations

from typing import Any

from _bench import Bench, Object, play, process, repeat, seconds

COUNT = 500
SAMPLE = 20
POOL = "bench"
IMAGES = [{"name": f"bench-{number}", "pool": POOL, "size": "1GiB"} for number in range(COUNT)]
CREATE: Object = {"cairn.hci.rbd_image": {"images": "{{ images }}"}}
SHELL = "for i in $(seq {count}); do rbd create --size 1G {pool}/shell-$i || exit 1; done"
POOL_OPTIONS = {"name": POOL, "application": "rbd", "pg_num": 32, "pg_autoscale_mode": "off"}


def pool(state: str) -> None:
    """Make the pool anew, or remove it with all that is in it."""
    gone = {"cairn.hci.ceph_pool": {"name": POOL, "state": "absent", "force": True}}
    new = {"cairn.hci.ceph_pool": POOL_OPTIONS}
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


def fresh(task: Object, **variables: Any) -> float:
    """The seconds of a task in an empty pool."""
    pool("present")
    return seconds(task, **variables)


def main() -> None:
    """Measure."""
    bench = Bench("images")
    shell = {"ansible.builtin.shell": SHELL.format(count=COUNT, pool=POOL)}
    looped = {
        "ansible.builtin.command": f"rbd create --size 1G {POOL}/loop-{{{{ item }}}}",
        "loop": list(range(SAMPLE)),
    }
    # In turns, for the machine's speed changes from minute to minute.
    turns = [(fresh(shell), fresh(looped) / SAMPLE * COUNT, fresh(CREATE, images=IMAGES)) for _ in range(3)]
    loops, samples, made = [list(times) for times in zip(*turns, strict=True)]
    by_shell = bench.add(f"{COUNT} images, shell loop over rbd create", loops, "s")
    note = f"scaled from {SAMPLE} images"
    by_loop = bench.add(f"{COUNT} images, Ansible loop over rbd create", samples, "s", note=note)
    bench.add(f"{COUNT} images, rbd_image", made, "s", against=by_shell, target="8x")
    bench.add(f"{COUNT} images, rbd_image, against the Ansible loop", made, "s", against=by_loop, target="50x")
    again = repeat(5, lambda: seconds(CREATE, images=IMAGES))
    listing = repeat(3, lambda: seconds({"ansible.builtin.command": f"rbd ls --long --format json {POOL}"}))
    by_rbd = bench.add(f"{COUNT} images, rbd ls --long", listing, "s")
    bench.add(f"{COUNT} images, rbd_image unchanged", again, "s", against=by_rbd)

    pool("present")
    for what in ("made", "unchanged"):
        peak = process("rbd_image", CREATE, images=IMAGES).memory
        bench.add(f"peak memory of rbd_image, {COUNT} images {what}", [peak], "MB", target="150 MB")
    pool("absent")
    bench.finish()


if __name__ == "__main__":
    main()
