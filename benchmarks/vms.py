"""200 VMs that the cluster looks after: added in one run, an unchanged run, and what their monitors cost.

Run on a converged lab. The VMs bench-* have 16 MiB and no disk: their firmware finds nothing to boot and waits. Some of
the same running domains are then monitored by ocf:heartbeat:VirtualDomain, unmanaged, as the peer: on all of them it
would need more than two processors. All are removed at last.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from _bench import Bench, Object, ansible, play, process, repeat, seconds

MEMBERS = "{{ groups['nodes'] }}"
# VirtualDomain wants a domain's XML in a file on each node; one that only looks reads nothing but the name there.
PEERS = "/var/tmp/cairn-bench-peers"
PEER_COUNT = 30
SETTLE_SECONDS, WATCH_SECONDS, INTERVAL = 1800.0, 60.0, 10
# The agents' processes are in the same control group as Pacemaker.
USAGE: Object = {"ansible.builtin.command": "systemctl show --property=CPUUsageNSec --value pacemaker.service"}


def specs(count: int, **more: Any) -> list[Object]:
    """The VMs."""
    small = {"vcpus": 1, "vcpus_max": 1, "memory": "16MiB", "memory_max": "16MiB"}
    # A firmware does not shut down when it is asked.
    small |= {"power": "running", "shutdown_timeout": 5}
    devices = {"guest_agent": False, "rng": False, "vnc": False, "console_log": False}
    return [{"name": f"bench-{number}", **small, **devices, **more} for number in range(count)]


def vms(state: str = "present") -> Object:
    """The task for all of them."""
    options = {"vms": f"{{{{ {state} }}}}", "members": MEMBERS, "ceph_secret_uuid": "{{ secret | default(omit) }}"}
    return {"cairn.hci.vm": options}


def peer(name: str) -> str:
    """A VirtualDomain for a domain that runs; it only looks."""
    attributes = f'<nvpair id="peer-{name}-config" name="config" value="{PEERS}/{name}.xml"/>'
    attributes += f'<nvpair id="peer-{name}-uri" name="hypervisor" value="qemu:///system"/>'
    meta = f'<nvpair id="peer-{name}-managed" name="is-managed" value="false"/>'
    return (
        f'<primitive id="peer-{name}" class="ocf" provider="heartbeat" type="VirtualDomain">'
        f'<instance_attributes id="peer-{name}-attributes">{attributes}</instance_attributes>'
        f'<meta_attributes id="peer-{name}-meta">{meta}</meta_attributes>'
        f'<operations><op id="peer-{name}-monitor" name="monitor" interval="10s" timeout="60s"/></operations>'
        "</primitive>"
    )


def usage() -> float:
    """The CPU seconds that Pacemaker of all nodes has taken until now."""
    return sum(int(result["result"]["stdout"]) / 1e9 for result in play([USAGE], "nodes"))


def watched() -> float:
    """The part of a CPU core that Pacemaker of a node takes, the mean of all nodes, while nothing happens."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while not play([{"cairn.hci.settle": {"timeout": 0}}])[-1]["result"]["settled"]["idle"]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"Pacemaker is still at work after {SETTLE_SECONDS:.0f} s")
    start, before = time.monotonic(), usage()
    time.sleep(WATCH_SECONDS)
    taken, passed = usage() - before, time.monotonic() - start
    return taken / passed / len(play([{"ansible.builtin.ping": {}}], "nodes"))


def cost(with_them: Object, without: Object, count: int) -> float:
    """The milliseconds of CPU that one of `count` monitors takes, of which each runs every INTERVAL seconds."""
    nodes = len(play([{"ansible.builtin.ping": {}}], "nodes"))
    return float((with_them["value"] - without["value"]) * nodes * INTERVAL * 1000 / count)


def measure(bench: Bench, count: int) -> None:
    """Take all figures."""
    present = specs(count)
    idle = bench.add("CPU cores a node, Pacemaker without them", [watched()], "cores")
    bench.add(f"{count} VMs added and started", [seconds(vms(), present=present)], "s")
    again = repeat(3, lambda: seconds(vms(), present=present))
    bench.add(f"{count} unchanged VMs", again, "s", target="10 s")
    run = process("vm", vms(), present=present)
    bench.add("memory of the module", [run.memory], "MiB", target="150 MiB")
    own = bench.add(f"CPU cores a node, monitors of {count} VMs, ocf:cairn:vm", [watched()], "cores", against=idle)
    each = bench.add("CPU of one monitor, ocf:cairn:vm", [cost(own, idle, count)], "ms")
    names = [spec["name"] for spec in present[:PEER_COUNT]]
    # On each node those that run there; elsewhere VirtualDomain's probe says that they do not.
    elements = [{"name": f"peer-{name}", "section": "resources", "xml": peer(name)} for name in names]
    play(
        [
            {"ansible.builtin.apt": {"name": "resource-agents", "install_recommends": False}},
            {"cairn.hci.config_file": {"files": "{{ files }}"}},
            {"cairn.hci.cib": {"elements": "{{ elements }}"}, "run_once": True},
        ],
        "nodes",
        elements=elements,
        files=[
            {"path": f"{PEERS}/{name}.xml", "content": f"<domain>\n<name>{name}</name>\n</domain>\n"} for name in names
        ],
    )
    both = bench.add(
        f"CPU cores a node, the same and VirtualDomain on {len(names)} VMs", [watched()], "cores", against=own
    )
    bench.add("CPU of one monitor, VirtualDomain", [cost(both, own, len(names))], "ms", against=each)


def clean(count: int) -> None:
    """Remove everything."""
    gone = [{"name": f"peer-bench-{number}", "state": "absent"} for number in range(count)]
    play([{"cairn.hci.cib": {"elements": "{{ gone }}"}}], gone=gone)
    play([{"ansible.builtin.file": {"path": PEERS, "state": "absent"}}], "nodes")
    absent = [{"name": f"bench-{number}", "state": "absent", "force_after": True} for number in range(count)]
    play([vms("absent")], absent=absent)


def main() -> None:
    """Measure."""
    top = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    top.add_argument("--count", type=int, default=200)
    count = top.parse_args().count
    bench = Bench("vms")
    # Else Pacemaker does not start more virtual CPUs than the nodes are to carry.
    ansible("playbooks/site.yml", "-e", f"libvirt_cpu_overcommit={count}")
    try:
        measure(bench, count)
    finally:
        clean(count)
        ansible("playbooks/site.yml")
    bench.finish()


if __name__ == "__main__":
    main()
