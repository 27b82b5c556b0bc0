"""`rbd bench` on an OSD in a storage VM, and on the same OSD when its node has the disk.

For the lab of the scenario passthrough_smoke, as `site.yml` made it. Its one OSD goes to the node and back to the
storage VM by the steps of docs/handbook/storage-vms.md, and keeps its data.
"""

from __future__ import annotations

import json
import re
import tempfile

from _bench import INVENTORY, Bench, Object, ansible, play

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


def commands(*lines: str) -> list[str]:
    """What commands print on the node, each."""
    return [str(task["result"]["stdout"]) for task in play([{"ansible.builtin.command": line} for line in lines])]


def rates() -> list[float]:
    """How many requests a second each load reaches, in turn."""
    # Past librbd's cache, to the OSD.
    past = f"rbd bench {IMAGE} --rbd-cache=false --io-type"
    printed = commands(
        *(f"{past} {kind} --io-pattern {how} --io-size {size} --io-total {total}" for kind, how, size, total in LOADS)
    )
    return [float(re.findall(r"ops/sec: ([\d.]+)", text)[-1]) for text in printed]


def measured() -> list[list[float]]:
    """The rates of several runs, by load."""
    # All of the image is written first, so that reads come from the disk.
    commands(f"rbd create --size 256M {IMAGE}", f"rbd bench {IMAGE} --io-type write --io-size 4M --io-total 256M")
    turns = [rates() for _ in range(RUNS)]
    commands(f"rbd rm --no-progress {IMAGE}")
    return [list(values) for values in zip(*turns, strict=True)]


def site(change: Object) -> None:
    """Make the lab what its inventory says, with a change."""
    # Beside the lab's own inventory, whose variables name files by inventory_dir.
    with tempfile.NamedTemporaryFile("w", dir=INVENTORY.parent, suffix=".yml") as file:
        json.dump(change, file)
        file.flush()
        ansible("-i", file.name, "playbooks/site.yml")


def give_to_node() -> None:
    """The node gets its disk, and runs the OSD."""
    commands("systemctl disable --now cairn-storage-vm")
    play([{"cairn.hci.pci_device": {"device": "class=0108", "state": "absent"}}])
    site(ON_THE_NODE)


def give_to_storage_vm(osd: int) -> None:
    """A storage VM gets the disk."""
    play([{"cairn.hci.ceph_osd_daemon": {"id": osd, **step}} for step in ({"running": False}, {"state": "absent"})])
    site({})


def only_osd() -> tuple[int, str]:
    """Number and uuid of the cluster's OSD."""
    (osd,) = json.loads(commands("ceph osd dump --format json")[0])["osds"]
    return osd["osd"], osd["uuid"]


def main() -> None:
    """Measure."""
    bench = Bench("placement")
    osd = only_osd()
    guest = measured()
    give_to_node()
    assert only_osd() == osd
    host = measured()
    give_to_storage_vm(osd[0])
    assert only_osd() == osd
    for (kind, how, size, _), there, here in zip(LOADS, guest, host, strict=True):
        what = f"{how} {kind} of {size}"
        floor = bench.add(f"{what}, OSD on the node", here, "/s")
        bench.add(f"{what}, OSD in a storage VM", there, "/s", against=floor)
    bench.finish()


if __name__ == "__main__":
    main()
