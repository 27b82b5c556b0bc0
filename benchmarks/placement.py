"""`rbd bench` on an OSD in a storage VM, and on the same OSD when its node has the disk.

Run on the lab of the scenario passthrough_smoke, whose one OSD goes to the node and back to a storage VM, by the steps
of docs/handbook/storage-vms.md.
"""

from __future__ import annotations

import json
import re
import tempfile

from _bench import Bench, Object, ansible, play

RUNS = 3
IMAGE = "vms/bench"
# What is done, the size of a request, and how much in all; 16 requests at a time, as rbd does without being told.
LOADS = [
    ("write", "rand", "4K", "4M"),
    ("read", "rand", "4K", "8M"),
    ("write", "seq", "1M", "128M"),
    ("read", "seq", "1M", "128M"),
]
ON_THE_NODE = {"nodes": {"vars": {"ceph_osd_placement": "host"}}, "storage_vms": {"vars": {"vm_state": "absent"}}}


def command(line: str) -> Object:
    """A task."""
    return {"ansible.builtin.command": line}


def shell(line: str) -> Object:
    """A task that needs a shell."""
    return {"ansible.builtin.shell": line}


def output(results: list[Object]) -> str:
    """What the last task printed."""
    return str(results[-1]["result"]["stdout"])


def rates() -> list[float]:
    """How many requests a second each load reaches, in turn."""
    # Past librbd's cache, to the OSD.
    past = f"rbd bench {IMAGE} --rbd-cache=false --io-type"
    lines = [
        f"{past} {kind} --io-pattern {how} --io-size {size} --io-total {total}" for kind, how, size, total in LOADS
    ]
    done = play([command(line) for line in lines])
    return [float(re.findall(r"ops/sec: ([\d.]+)", task["result"]["stdout"])[-1]) for task in done]


def measured() -> list[list[float]]:
    """The rates of several runs, by load."""
    # All of the image is written first, so that reads come from the disk.
    play(
        [
            command(f"rbd create --size 256M {IMAGE}"),
            command(f"rbd bench {IMAGE} --io-type write --io-size 4M --io-total 256M"),
        ]
    )
    turns = [rates() for _ in range(RUNS)]
    play([command(f"rbd rm --no-progress {IMAGE}")])
    return [list(values) for values in zip(*turns, strict=True)]


def site(change: Object) -> None:
    """Make the lab what its inventory says, with a change."""
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        json.dump(change, file)
        file.flush()
        ansible("-i", file.name, "playbooks/site.yml")


def give_to_node() -> None:
    """The node gets its disk, and runs the OSD."""
    back = {"cairn.hci.pci_device": {"device": "class=0108", "state": "absent"}}
    play([command("systemctl disable --now cairn-storage-vm"), back])
    site(ON_THE_NODE)


def give_to_storage_vm() -> None:
    """A storage VM gets the disk."""
    stop = "systemctl disable --now 'ceph-osd@*' && umount /var/lib/ceph/osd/ceph-* && vgchange --activate n"
    play([shell(stop)])
    site({})


def uuid() -> str:
    """Which OSD it is."""
    return str(json.loads(output(play([command("ceph osd dump --format json")])))["osds"][0]["uuid"])


def main() -> None:
    """Measure."""
    bench = Bench("placement")
    osd = uuid()
    guest = measured()
    give_to_node()
    assert uuid() == osd
    host = measured()
    give_to_storage_vm()
    assert uuid() == osd
    for (kind, how, size, _), there, here in zip(LOADS, guest, host, strict=True):
        what = f"{how} {kind} of {size}"
        floor = bench.add(f"{what}, OSD on the node", here, "/s")
        figure = bench.add(f"{what}, OSD in a storage VM", there, "/s")
        figure |= {"compared_with": floor["metric"], "factor": round(figure["value"] / floor["value"], 2)}
    bench.finish()


if __name__ == "__main__":
    main()
