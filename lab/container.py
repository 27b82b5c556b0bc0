"""Driver ``container``: a node is a systemd-nspawn container on an overlay of the stock root file system.

The overlay is mounted on the host, so it outlives the container: a killed node starts again with its files.
It is mounted ``volatile`` (no syncs reach the disk), which is safe as long as the host itself does not crash.
"""

from __future__ import annotations

import ipaddress
import shutil
from pathlib import Path

import host
import rootfs
from driver import Driver
from plan import Node

SYSTEM_SIZE = "32G"

ENVIRONMENT = {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1", "SYSTEMD_SECCOMP": "0"}
# One limit per user, and root runs every node's systemd, libvirt and Ceph.
INOTIFY_INSTANCES = 4096
AIO_REQUESTS = 1048576


def _raise_limit(name: str, least: int) -> None:
    path = Path("/proc/sys", name)
    if int(path.read_text()) < least:
        path.write_text(str(least))


class ContainerDriver(Driver):
    """Nodes that share this machine's kernel."""

    def create(self, gateway: ipaddress.IPv4Address) -> None:
        """Disks and root file systems of all nodes; nothing runs yet."""
        _raise_limit("fs/inotify/max_user_instances", INOTIFY_INSTANCES)
        _raise_limit("fs/aio-max-nr", AIO_REQUESTS)
        super().create(gateway)

    def install(self, node: Node, gateway: ipaddress.IPv4Address) -> None:
        """The system of a node: an overlay."""
        directory = self.directory(node)
        rootfs.link_packages(rootfs.pool(self.release), directory / "archives")
        for name in ("system", "root"):
            (directory / name).mkdir(exist_ok=True)
        _system_disk(directory / "system.img", directory / "system")
        lower = rootfs.ensure(self.release)
        layers = f"lowerdir={lower},upperdir={directory}/system/upper,workdir={directory}/system/work,volatile"
        host.run("mount", "-t", "overlay", f"cairn-lab-{self.plan.lab_id}", "-o", layers, directory / "root")
        loops = [self._disk(directory / "disks" / str(n)) for n, _ in enumerate(node.disks)]
        links = [f"L {disk} - - - - {loop}\n" for disk, loop in zip(node.disks, loops, strict=True)]
        self.configure(directory / "root", node, gateway, {"etc/tmpfiles.d/lab-disks.conf": "".join(links)})
        self.write_spec(node, self._command(node, loops), environment=ENVIRONMENT)

    def uninstall(self, node: Node) -> None:
        """Remove the overlay."""
        for name in ("root", "system"):
            host.run("umount", self.directory(node) / name)
        (self.directory(node) / "system.img").unlink()

    def drop_disk(self, path: Path) -> None:
        """Remove a disk and its loop device."""
        host.run("losetup", "--detach", _loop(path))
        path.unlink()

    def _disk(self, path: Path) -> str:
        """The loop device of a disk, which is made where there is none."""
        if path.exists():
            return _loop(path)
        host.run("truncate", "--size", self.disk_size, path)
        return host.run("losetup", "--find", "--show", path).strip()

    def _command(self, node: Node, loops: list[str]) -> list[str]:
        directory = self.directory(node)
        command = ["systemd-nspawn", "--quiet", "--settings=no", "--boot", "--register=no", "--keep-unit"]
        command += [f"--directory={directory}/root", f"--machine=lab-{self.plan.lab_id}-{self.plan.nodes.index(node)}"]
        command += [f"--hostname={node.name}", "--resolv-conf=off", "--timezone=off", "--link-journal=no"]
        command += ["--capability=all", "--system-call-filter=@raw-io @mount bpf", "--console=pipe"]
        command += [f"--bind={device}" for device in [*loops, "/dev/net/tun"]]
        command += [f"--bind={directory}/archives:/var/cache/apt/archives"]
        return command + [f"--network-veth-extra={nic['link']}:{nic['name']}" for nic in self.cables(node)]

    def remove(self) -> None:
        """Remove loop devices as well, and keep the packages that the nodes have downloaded."""
        for archives in self.state.glob("nodes/*/archives"):
            rootfs.link_packages(archives, rootfs.pool(self.release))
        super().remove()
        for loop in host.run_json("losetup", "--json", "--list").get("loopdevices", []) if _loops_exist() else []:
            if Path(loop["back-file"].removesuffix(" (deleted)")).is_relative_to(self.state):
                host.run("losetup", "--detach", loop["name"])
        for path in Path("/run/systemd/nspawn").glob(f"*/lab-{self.plan.lab_id}-*"):
            shutil.rmtree(path, ignore_errors=True)


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
