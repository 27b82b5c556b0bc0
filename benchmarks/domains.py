"""1,000 libvirt domains: one call of domain, a loop over community.libvirt.virt, and libvirt's own listing.

Run on a converged lab. Makes domains bench-*, which are never started, on the first node, and removes them.
"""

from __future__ import annotations

import json
from pathlib import Path

from _bench import Bench, Object, play, process, repeat, seconds

COUNT = 1000
SAMPLE = 20
NAMES = [f"bench-{number}" for number in range(COUNT)]
DOMAINS = [
    {
        "name": name,
        "vcpus": 2,
        "memory": "1GiB",
        "disks": [{"name": "root", "file": f"/var/lib/libvirt/images/{name}.raw"}],
        "nics": [{"name": "lan", "bridge": "lan"}],
    }
    for name in NAMES
]
PRESENT: Object = {"cairn.hci.domain": {"domains": "{{ domains }}"}}
# What the loop defines: about the same machine, as its users write it.
XML = """
<domain type="qemu"><name>bench-{{ item }}</name><memory unit="GiB">1</memory><vcpu>2</vcpu>
<os><type arch="x86_64" machine="q35">hvm</type></os>
<devices>
<disk type="file" device="disk"><source file="/var/lib/libvirt/images/bench-{{ item }}.raw"/><target dev="vda"/></disk>
<interface type="bridge"><source bridge="lan"/><model type="virtio"/></interface></devices></domain>
"""
LOOP: Object = {
    "community.libvirt.virt": {"command": "define", "xml": XML},
    "loop": list(range(COUNT, COUNT + SAMPLE)),
}
LISTING: Object = {
    "ansible.builtin.script": {
        "cmd": str(Path(__file__).parent / "files/list_domains.py"),
        "executable": "/usr/bin/python3",
    }
}


def remove() -> float:
    """Remove what this benchmark makes; return the seconds."""
    gone = [{"name": f"bench-{number}", "state": "absent"} for number in range(COUNT + SAMPLE)]
    return seconds({"cairn.hci.domain": {"domains": "{{ gone }}"}}, gone=gone)


def fresh() -> float:
    """The seconds of defining all domains."""
    remove()
    return seconds(PRESENT, domains=DOMAINS)


def listed() -> float:
    """The seconds that libvirt itself takes."""
    return float(json.loads(play([LISTING])[-1]["result"]["stdout"])["seconds"])


def measure(bench: Bench) -> None:
    """Take all figures."""
    note = f"scaled from {SAMPLE} domains"
    remove()
    # Only community.libvirt.virt needs it.
    play([{"ansible.builtin.apt": {"name": "python3-lxml", "install_recommends": False}}])
    made = seconds(LOOP) / SAMPLE * COUNT
    by_loop = bench.add(f"{COUNT} domains, loop over community.libvirt.virt", [made], "s", note=note)
    kept = repeat(2, lambda: seconds(LOOP) / SAMPLE * COUNT)
    by_loop_again = bench.add(f"{COUNT} unchanged domains, the same loop", kept, "s", note=note)
    bench.add(f"{COUNT} domains, domain", repeat(2, fresh), "s", against=by_loop)
    floor = bench.add(f"{COUNT} domains, listed by libvirt-python", repeat(5, listed), "s", note="in the process")
    again = repeat(5, lambda: seconds(PRESENT, domains=DOMAINS))
    bench.add(f"{COUNT} unchanged domains, domain", again, "s", against=by_loop_again, target="100x")
    runs = [process("domain", PRESENT, domains=DOMAINS) for _ in range(5)]
    own = [run.seconds for run in runs]
    bench.add(f"{COUNT} unchanged domains, the module's process alone", own, "s", against=floor, target="0.125x")
    bench.add(f"peak memory of domain, {COUNT} domains", [runs[0].memory], "MB", target="150 MB")
    bench.add(f"{COUNT} domains removed, domain", [remove()], "s")


def main() -> None:
    """Measure, and leave nothing behind."""
    bench = Bench("domains")
    try:
        measure(bench)
    finally:
        remove()
    bench.finish()


if __name__ == "__main__":
    main()
