"""What the drivers of the lab have in common: a node is the processes of one cgroup, with files in one directory."""

from __future__ import annotations

import ipaddress
import json
import shutil
import time
import uuid
from abc import ABC, abstractmethod
from pathlib import Path

import bmc
import host
import network
import power
from plan import LabError, Node, Plan

KILL_SECONDS = 60.0


def _cgroup_root() -> Path:
    """Where the unified cgroup hierarchy is mounted: /sys/fs/cgroup, or below it on a host with cgroup v1."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        if fields[fields.index("-") + 1] == "cgroup2":
            return Path(fields[4])
    raise LabError("this machine has no cgroup v2 hierarchy mounted; systemd in the nodes needs one")


class Driver(ABC):
    """Makes, starts, stops and removes the nodes of one lab. Every method may be repeated."""

    # Until a node answers on SSH, and until it is off once it was asked.
    BOOT_SECONDS = 120.0
    STOP_SECONDS = 20.0

    def __init__(self, plan: Plan, state: Path, release: str, disk_size: str) -> None:
        self.plan = plan
        self.state = state
        self.release = release
        self.disk_size = disk_size
        self.cgroup = _cgroup_root() / "cairn-lab" / plan.lab_id

    def directory(self, node: Node) -> Path:
        """All files of a node."""
        return self.state / "nodes" / node.name

    # -- making and removing

    def create(self, gateway: ipaddress.IPv4Address) -> None:
        """Disks and root file systems of all nodes; nothing runs yet."""
        for node in self.plan.nodes:
            (self.directory(node) / "disks").mkdir(parents=True)
            self.install(node, gateway)

    def reinstall(self, node: Node, gateway: ipaddress.IPv4Address, *, keep_disks: bool) -> None:
        """A node's system anew, as by Debian's installer; its disks empty, unless they are kept. It is off then."""
        self.kill([node])
        self.uninstall(node)
        if not keep_disks:
            for path in (self.directory(node) / "disks").iterdir():
                self.drop_disk(path)
        self.install(node, gateway)

    @abstractmethod
    def install(self, node: Node, gateway: ipaddress.IPv4Address) -> None:
        """The system of a node, its empty disks, and how it is run."""

    @abstractmethod
    def uninstall(self, node: Node) -> None:
        """Remove the system of a node that is off."""

    def drop_disk(self, path: Path) -> None:
        """Remove a disk."""
        path.unlink()

    def configure(self, root: Path, node: Node, gateway: ipaddress.IPv4Address, more: dict[str, str]) -> None:
        """What an installer asks for: name, address, name server, root's key; and `more` files."""
        files = {
            "etc/hostname": f"{node.name}\n",
            "etc/hosts": f"127.0.0.1\tlocalhost\n127.0.1.1\t{node.name}\n::1\tlocalhost ip6-localhost ip6-loopback\n",
            "etc/machine-id": f"{uuid.uuid5(uuid.NAMESPACE_OID, self.plan.lab_id + node.name).hex}\n",
            "etc/resolv.conf": host.resolver(),
            "etc/network/interfaces": _interfaces(node, gateway),
            "root/.ssh/authorized_keys": host.ssh_key().with_suffix(".pub").read_text(),
            **more,
        }
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.write_text(text)
        for kind in ("ed25519", "ecdsa"):
            key = root / f"etc/ssh/ssh_host_{kind}_key"
            host.run("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", f"root@{node.name}", "-f", key)

    def cables(self, node: Node) -> list[dict[str, str]]:
        """The node's NICs, with their links on this machine."""
        place = self.plan.nodes.index(node)
        return [
            {
                "name": nic.name,
                "segment": nic.segment,
                "link": network.link(self.plan, place, number),
                "bridge": network.bridge(self.plan, nic.segment),
            }
            for number, nic in enumerate(node.nics)
        ]

    def write_spec(self, node: Node, command: list[str], **more: object) -> None:
        """How the supervisor runs the node."""
        spec = {"command": command, "nics": self.cables(node), "cgroup": str(self.cgroup / node.name), **more}
        (self.directory(node) / "node.json").write_text(json.dumps(spec, indent=1))

    def remove(self) -> None:
        """Kill what still runs and remove all files, from a whole or a half-made lab."""
        kill(self.cgroup)
        # systemd-nspawn mirrors the cgroup in the name=systemd hierarchy of a host with cgroup v1.
        for remains in [self.cgroup, *Path("/sys/fs/cgroup").glob(f"*/cairn-lab/{self.plan.lab_id}")]:
            power.remove(remains)
        for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
            mount_point = Path(line.split()[4].encode().decode("unicode_escape"))
            if mount_point.is_relative_to(self.state):
                host.run("umount", "--lazy", mount_point)
        if self.state.exists():
            shutil.rmtree(self.state)

    # -- running

    def running(self, node: Node) -> bool:
        """Whether any process of the node is alive."""
        return power.running(self.cgroup / node.name)

    def start(self, node: Node) -> None:
        """Boot a node that is off."""
        power.boot(self.directory(node))

    def stop(self, nodes: list[Node]) -> None:
        """Power off in order; what has not ended after STOP_SECONDS is killed."""
        for node in nodes:
            power.shut_down(self.directory(node))
        deadline = time.monotonic() + self.STOP_SECONDS
        while time.monotonic() < deadline and any(self.running(node) for node in nodes):
            time.sleep(0.1)
        self.kill(nodes)

    def kill(self, nodes: list[Node]) -> None:
        """Power cut: every process of the nodes gets SIGKILL at once."""
        kill(*(self.cgroup / node.name for node in nodes))

    def start_bmc(self, node: Node, address: str) -> None:
        """Start a node's BMC, unless it runs."""
        bmc.start(node.bmc, address, self.directory(node), self._bmc_cgroup(node))

    def kill_bmc(self, nodes: list[Node]) -> None:
        """The nodes' BMCs lose their power, too."""
        kill(*(self._bmc_cgroup(node) for node in nodes))

    def bmc_running(self, node: Node) -> bool:
        """Whether a node's BMC runs."""
        return power.running(self._bmc_cgroup(node))

    def _bmc_cgroup(self, node: Node) -> Path:
        return self.cgroup / f"{node.name}:bmc"  # No host's name has a colon.

    def connect(self, node: Node, segments: set[str], cable: str) -> None:
        """Plug in the node's cables of some segments, or pull them (see network.plug); also for its next boots."""
        directory = self.directory(node)
        marker = directory / "unplugged"
        kept = {name: how for name, how in network.cables(marker).items() if name not in segments}
        kept |= {} if cable == network.IN else dict.fromkeys(sorted(segments), cable)
        marker.write_text("".join(f"{name} {how}\n" for name, how in kept.items()))
        for nic in json.loads((directory / "node.json").read_text())["nics"]:
            if nic["segment"] in segments and Path("/sys/class/net", nic["link"]).exists():
                network.plug(nic["link"], nic["bridge"], cable)

    def unplugged(self, node: Node) -> list[str]:
        """Segments that the node is cut from."""
        return list(network.cables(self.directory(node) / "unplugged"))


def _interfaces(node: Node, gateway: ipaddress.IPv4Address) -> str:
    """/etc/network/interfaces as Debian's installer writes it for a static address."""
    nic = node.nics[0].name
    return (
        "source /etc/network/interfaces.d/*\n\nauto lo\niface lo inet loopback\n\n"
        f"auto {nic}\niface {nic} inet static\n\taddress {node.address}\n\tgateway {gateway}\n"
    )


def kill(*groups: Path) -> None:
    """SIGKILL all processes of cgroups and their children, wait until they are gone, and remove the cgroups."""
    groups = tuple(group for group in groups if group.exists())
    for group in groups:
        power.cut(group)
    deadline = time.monotonic() + KILL_SECONDS
    for group in groups:
        while power.running(group):
            if time.monotonic() > deadline:
                raise LabError(f"processes in {group} survive SIGKILL; look for a device that hangs")
            time.sleep(0.02)
        power.remove(group)
