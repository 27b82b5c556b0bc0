"""Driver ``container``: a node is a systemd-nspawn container on an overlay of the stock root file system.

The overlay is mounted on the host, so it outlives the container: a killed node starts again with its files.
It is mounted ``volatile`` (no syncs reach the disk), which is safe as long as the host itself does not crash.
"""

from __future__ import annotations

import ipaddress
import json
import shutil
import time
import uuid
from pathlib import Path

import bmc
import host
import network
import power
import rootfs
from plan import LabError, Node, Plan

STOP_SECONDS = 20.0
KILL_SECONDS = 60.0
SYSTEM_SIZE = "32G"

ENVIRONMENT = {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1", "SYSTEMD_SECCOMP": "0"}
# One limit per user, and root runs every node's systemd, libvirt and Ceph.
INOTIFY_INSTANCES = 4096
AIO_REQUESTS = 1048576


def _cgroup_root() -> Path:
    """Where the unified cgroup hierarchy is mounted: /sys/fs/cgroup, or below it on a host with cgroup v1."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        if fields[fields.index("-") + 1] == "cgroup2":
            return Path(fields[4])
    raise LabError("this machine has no cgroup v2 hierarchy mounted; systemd in the nodes needs one")


def _raise_limit(name: str, least: int) -> None:
    path = Path("/proc/sys", name)
    if int(path.read_text()) < least:
        path.write_text(str(least))


class ContainerDriver:
    """Makes, starts, stops and removes the nodes of one lab. Every method may be repeated."""

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
        lower = rootfs.ensure(self.release)
        _raise_limit("fs/inotify/max_user_instances", INOTIFY_INSTANCES)
        _raise_limit("fs/aio-max-nr", AIO_REQUESTS)
        for node in self.plan.nodes:
            directory = self.directory(node)
            (directory / "disks").mkdir(parents=True)
            rootfs.link_packages(rootfs.pool(self.release), directory / "archives")
            self._install(node, lower, gateway)

    def reinstall(self, node: Node, gateway: ipaddress.IPv4Address, *, keep_disks: bool) -> None:
        """A node's system anew, as by Debian's installer; its disks empty, unless they are kept. It is off then."""
        directory = self.directory(node)
        self.kill([node])
        for name in ("root", "system"):
            host.run("umount", directory / name)
        (directory / "system.img").unlink()
        if not keep_disks:
            for path in (directory / "disks").iterdir():
                host.run("losetup", "--detach", _loop(path))
                path.unlink()
        self._install(node, rootfs.ensure(self.release), gateway)

    def _install(self, node: Node, lower: Path, gateway: ipaddress.IPv4Address) -> None:
        """The system of a node."""
        directory = self.directory(node)
        for name in ("system", "root"):
            (directory / name).mkdir(exist_ok=True)
        _system_disk(directory / "system.img", directory / "system")
        layers = f"lowerdir={lower},upperdir={directory}/system/upper,workdir={directory}/system/work,volatile"
        host.run("mount", "-t", "overlay", f"cairn-lab-{self.plan.lab_id}", "-o", layers, directory / "root")
        loops = [self._disk(directory / "disks" / str(n)) for n, _ in enumerate(node.disks)]
        self._configure(node, gateway, loops)
        self._write_spec(self.plan.nodes.index(node), node, loops)

    def _disk(self, path: Path) -> str:
        """The loop device of a disk, which is made where there is none."""
        if path.exists():
            return _loop(path)
        host.run("truncate", "--size", self.disk_size, path)
        return host.run("losetup", "--find", "--show", path).strip()

    def _configure(self, node: Node, gateway: ipaddress.IPv4Address, loops: list[str]) -> None:
        """What an installer asks for: name, address, name server, root's key; and the names of the disks."""
        root = self.directory(node) / "root"
        links = [f"L {disk} - - - - {loop}\n" for disk, loop in zip(node.disks, loops, strict=True)]
        files = {
            "etc/hostname": f"{node.name}\n",
            "etc/hosts": f"127.0.0.1\tlocalhost\n127.0.1.1\t{node.name}\n::1\tlocalhost ip6-localhost ip6-loopback\n",
            "etc/machine-id": f"{uuid.uuid5(uuid.NAMESPACE_OID, self.plan.lab_id + node.name).hex}\n",
            "etc/resolv.conf": host.resolver(),
            "etc/network/interfaces": _interfaces(node, gateway),
            "etc/tmpfiles.d/lab-disks.conf": "".join(links),
            "root/.ssh/authorized_keys": host.ssh_key().with_suffix(".pub").read_text(),
        }
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.write_text(text)
        for kind in ("ed25519", "ecdsa"):
            key = root / f"etc/ssh/ssh_host_{kind}_key"
            host.run("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", f"root@{node.name}", "-f", key)

    def _write_spec(self, place: int, node: Node, loops: list[str]) -> None:
        directory = self.directory(node)
        nics = [
            {
                "name": nic.name,
                "segment": nic.segment,
                "veth": network.veth(self.plan, place, number),
                "bridge": network.bridge(self.plan, nic.segment),
            }
            for number, nic in enumerate(node.nics)
        ]
        command = ["systemd-nspawn", "--quiet", "--settings=no", "--boot", "--register=no", "--keep-unit"]
        command += [f"--directory={directory}/root", f"--machine=lab-{self.plan.lab_id}-{place}"]
        command += [f"--hostname={node.name}", "--resolv-conf=off", "--timezone=off", "--link-journal=no"]
        command += ["--capability=all", "--system-call-filter=@raw-io @mount bpf", "--console=pipe"]
        command += [f"--bind={device}" for device in [*loops, "/dev/net/tun"]]
        command += [f"--bind={directory}/archives:/var/cache/apt/archives"]
        command += [f"--network-veth-extra={nic['veth']}:{nic['name']}" for nic in nics]
        spec = {"command": command, "environment": ENVIRONMENT, "nics": nics, "cgroup": str(self.cgroup / node.name)}
        (directory / "node.json").write_text(json.dumps(spec, indent=1))

    def remove(self) -> None:
        """Kill what still runs and remove mounts, loop devices and files, from a whole or a half-made lab."""
        _kill(self.cgroup)
        # systemd-nspawn mirrors the cgroup in the name=systemd hierarchy of a host with cgroup v1.
        for remains in [self.cgroup, *Path("/sys/fs/cgroup").glob(f"*/cairn-lab/{self.plan.lab_id}")]:
            power.remove(remains)
        for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
            mount_point = Path(line.split()[4].encode().decode("unicode_escape"))
            if mount_point.is_relative_to(self.state):
                host.run("umount", "--lazy", mount_point)
        for loop in host.run_json("losetup", "--json", "--list").get("loopdevices", []) if _loops_exist() else []:
            if Path(loop["back-file"].removesuffix(" (deleted)")).is_relative_to(self.state):
                host.run("losetup", "--detach", loop["name"])
        self.harvest()
        for path in Path("/run/systemd/nspawn").glob(f"*/lab-{self.plan.lab_id}-*"):
            shutil.rmtree(path, ignore_errors=True)
        shutil.rmtree(self.state, ignore_errors=True)

    def harvest(self) -> None:
        """Keep the packages that the nodes have downloaded."""
        for archives in self.state.glob("nodes/*/archives"):
            rootfs.link_packages(archives, rootfs.pool(self.release))

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
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and any(self.running(node) for node in nodes):
            time.sleep(0.1)
        self.kill(nodes)

    def kill(self, nodes: list[Node]) -> None:
        """Power cut: every process of the nodes gets SIGKILL at once."""
        _kill(*(self.cgroup / node.name for node in nodes))

    def start_bmc(self, node: Node, address: str) -> None:
        """Start a node's BMC, unless it runs."""
        bmc.start(node.bmc, address, self.directory(node), self._bmc_cgroup(node))

    def kill_bmc(self, nodes: list[Node]) -> None:
        """The nodes' BMCs lose their power, too."""
        _kill(*(self._bmc_cgroup(node) for node in nodes))

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
            if nic["segment"] in segments and Path("/sys/class/net", nic["veth"]).exists():
                network.plug(nic["veth"], nic["bridge"], cable)

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


def _system_disk(image: Path, mount_point: Path) -> None:
    """A node's own file system, sparse: else its monitor sees, and complains of, how full the host's is."""
    host.run("truncate", "--size", SYSTEM_SIZE, image)
    host.run("mkfs.ext4", "-q", "-O", "^has_journal", "-E", "lazy_itable_init=1,nodiscard", image)
    host.run("mount", "-o", "loop,noatime", image, mount_point)
    for name in ("upper", "work"):
        (mount_point / name).mkdir()


def _loop(path: Path) -> str:
    return host.run("losetup", "--noheadings", "--output=NAME", "--associated", path).strip()


def _loops_exist() -> bool:
    return bool(host.run("losetup", "--list", "--noheadings").strip())


def _kill(*groups: Path) -> None:
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
