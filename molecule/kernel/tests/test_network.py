"""Bonds, VLANs and large packets between nodes with kernels of their own.

The nodes have the bond bond0 of eno1 and eno3 below the bridge lan, the VLAN-aware bridge dmz without addresses, and a
storage network with an MTU of 9000. Guests are network namespaces here, plugged into the bridge as libvirt would: to
boot real ones takes minutes where a kernel is emulated, and the bridge treats both alike.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import qmp
from testinfra.host import Host
from testinfra.utils.ansible_runner import AnsibleRunner

ROOT = Path(__file__).resolve().parents[3]
INVENTORY = Path(os.environ.get("MOLECULE_SCENARIO_DIRECTORY", ROOT / "molecule/kernel")) / "hosts"
JUMBO = 9000 - 28  # bytes that an IPv4 header and that of ICMP leave
LAB = Path.home() / ".cache/cairn-lab/labs"
PINGS = 600  # longer than it takes to see that they have begun
PAUSE = 0.1  # seconds
DISCARD = 9  # a port of TCP that no node has a service on
LOST_AT_MOST = 15  # pings; a bond that looks every 100 ms needs two or three
# Seconds: for some of network_rollback_timeout the change is in force, and then the old network must be brought back.
SILENT_AT_LEAST = 15
SILENT_AT_MOST = 60 + 30


@pytest.fixture(scope="session")
def nodes(request: pytest.FixtureRequest) -> list[Host]:
    """The nodes, two or more."""
    inventory = request.config.option.ansible_inventory
    names = AnsibleRunner(inventory).get_hosts("nodes")
    return [Host.get_host(f"ansible://{name}", ansible_inventory=inventory, force_ansible=True) for name in names]


def link(node: Host, name: str) -> dict[str, Any]:
    """A link with its details."""
    found: dict[str, Any] = json.loads(node.check_output(f"ip -json -details address show dev {name}"))[0]
    return found


def variables(node: Host) -> dict[str, Any]:
    """The inventory's variables of a node."""
    found: dict[str, Any] = node.ansible.get_variables()
    return found


def test_the_bridge_is_on_the_bond(nodes: list[Host]) -> None:
    for node in nodes:
        assert link(node, "bond0")["master"] == "lan"
        assert {link(node, port)["master"] for port in ("eno1", "eno3")} == {"bond0"}
        addresses = [entry["local"] for entry in link(node, "lan")["addr_info"]]
        assert variables(node)["ansible_host"] in addresses


def test_large_packets_reach_every_node_in_one_piece(nodes: list[Host]) -> None:
    interface = variables(nodes[0])["network_storage"]["interface"]
    addresses = [
        entry["local"] for node in nodes for entry in link(node, interface)["addr_info"] if entry["family"] == "inet"
    ]
    for node in nodes:
        for address in addresses:
            node.check_output(f"ping -q -c 3 -i 0.2 -W 5 -M do -s {JUMBO} {address}")


@contextmanager
def guest(node: Host, address: str, vlan: int) -> Iterator[str]:
    """A namespace as a guest of the bridge dmz: its port carries one VLAN, untagged."""
    name = f"guest{vlan}"
    node.check_output(
        f"ip netns add {name} && ip link add vnet{vlan} type veth peer name eth0 netns {name}"
        f" && ip link set vnet{vlan} master dmz up && bridge vlan del dev vnet{vlan} vid 1"
        f" && bridge vlan add dev vnet{vlan} vid {vlan} pvid untagged"
        f" && ip -n {name} address add {address}/24 dev eth0 && ip -n {name} link set eth0 up"
    )
    try:
        yield name
    finally:
        node.check_output(f"ip netns delete {name}")


def test_vlans_keep_guests_apart(nodes: list[Host]) -> None:
    here, there = nodes[:2]
    with guest(here, "198.18.20.1", 20) as mine, guest(there, "198.18.20.2", 20), guest(there, "198.18.20.3", 30):
        ping = f"ip netns exec {mine} ping -q -c 3 -i 0.3 -W 3"
        here.check_output(f"{ping} 198.18.20.2")
        assert here.run(f"{ping} 198.18.20.3").rc == 1


def case(node: Host) -> tuple[Path, str]:
    """The monitor of a node of the lab, and what that calls the node's first NIC; by the address of its hardware."""
    mac = link(node, "eno1")["permaddr" if "permaddr" in link(node, "eno1") else "address"]
    for file in LAB.glob("*/nodes/*/node.json"):
        spec = json.loads(file.read_text(encoding="utf-8"))
        if any(f"mac={mac}," in word for word in spec["command"]):
            return Path(spec["qmp"]), next(nic["link"] for nic in spec["nics"] if nic["name"] == "eno1")
    raise AssertionError(f"no machine of the lab has the NIC {mac}")


def test_a_bond_survives_the_loss_of_an_interface(nodes: list[Host]) -> None:
    monitor, nic = case(nodes[0])
    address = variables(nodes[0])["ansible_host"]
    with ThreadPoolExecutor() as pool:
        ping = pool.submit(nodes[1].check_output, f"ping -q -c {PINGS} -i {PAUSE} -W 2 {address}")
        while nodes[1].run("pgrep -x ping").rc:
            assert not ping.done()
        qmp.execute(monitor, "set_link", name=nic, up=False)
        try:
            output = ping.result()
            assert link(nodes[0], "bond0")["linkinfo"]["info_data"]["active_slave"] == "eno3"
        finally:
            qmp.execute(monitor, "set_link", name=nic, up=True)
    received = int(output.split(" received")[0].rpartition(" ")[2])
    assert received >= PINGS - LOST_AT_MOST


class Probe:
    """Tries to reach a node again and again, in a thread of its own; `silence` is for how long it could not.

    By a port where nobody listens: sshd locks an address out that connects again and again without logging in.
    """

    def __init__(self, address: str) -> None:
        """Begin to try."""
        self.address = address
        self.silence = 0.0
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._try, daemon=True)
        self._thread.start()

    def _try(self) -> None:
        reached = time.monotonic()
        while not self._closed.wait(PAUSE):
            try:
                socket.create_connection((self.address, DISCARD), timeout=1).close()
            except ConnectionRefusedError:
                reached = time.monotonic()
            except OSError:
                self.silence = max(self.silence, time.monotonic() - reached)

    def close(self) -> None:
        """Try no more."""
        self._closed.set()
        self._thread.join()


def test_a_change_that_cuts_the_node_off_is_taken_back(nodes: list[Host], capsys: pytest.CaptureFixture[str]) -> None:
    node, known = nodes[0], variables(nodes[0])
    # The port eno4 leads to the other nodes, and not to the controller.
    wrong = {"lan": {"ports": ["eno4"]}, "dmz": {"ports": ["bond0"], "vlan_aware": True, "addresses": []}}
    command = ["ansible-playbook", "-i", str(INVENTORY), "playbooks/site.yml", "--limit", known["inventory_hostname"]]
    command += ["-e", json.dumps({"network_bridges": wrong})]
    probe = Probe(known["ansible_host"])
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True)
    probe.close()
    with capsys.disabled():
        print(f"\n{known['inventory_hostname']} was silent for {probe.silence:.0f} s, and is back")
    assert done.returncode == 2, done.stdout[-3000:]
    assert "the node has again what it had before" in done.stdout, done.stdout[-3000:]
    assert SILENT_AT_LEAST < probe.silence <= SILENT_AT_MOST
    assert link(node, "bond0")["master"] == "lan"
    assert link(node, "eno4")["master"] == "dmz"
