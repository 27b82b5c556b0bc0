"""Driver ``qemu``: a node is a virtual machine with a kernel of its own, IOMMU, NVMe and SATA disks, and a watchdog.

With KVM where the processor has it, else by emulation: slow, and the same. Its kernel and initial file system are given
to QEMU, so that no boot loader has to be installed.
"""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path

import host
import network
import qmp
import rootfs
from driver import Driver
from plan import LabError, Node

SYSTEM_SIZE = "16G"
PACKAGES = {"qemu-system-x86_64": "qemu-system-x86"}
LABEL = "lab"
# What a node has without ceph_osd_memory and the like: three of them fit into 16 GiB.
MEMORY = os.environ.get("LAB_MEMORY", "5G")
CPUS = os.environ.get("LAB_CPUS", "2")
# Disks whose names begin so are behind a controller of their own.
NVME = "/dev/disk/by-id/nvme-"
# Ports of the AHCI controller that every q35 machine has.
SATA_PORTS = 6


def hardware() -> list[str]:
    """How the processor is had: /dev/kvm may exist where it runs nothing."""
    flags = re.search(r"^flags\s*:.*\b(vmx|svm)\b", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    if flags and os.access("/dev/kvm", os.R_OK | os.W_OK):
        return ["-accel", "kvm", "-cpu", "host"]
    return ["-accel", "tcg,thread=multi", "-cpu", "max"]


def mac(lab: str, node: int, nic: int) -> str:
    """The hardware address of a node's NIC, locally administered."""
    return bytes([0x52, *bytes.fromhex(lab), node, nic]).hex(":")


class QemuDriver(Driver):
    """Nodes with kernels of their own."""

    BOOT_SECONDS = 600.0
    STOP_SECONDS = 180.0

    def create(self, gateway: ipaddress.IPv4Address) -> None:
        """Disks and root file systems of all nodes; nothing runs yet."""
        host.require(commands=PACKAGES)
        super().create(gateway)

    def install(self, node: Node, gateway: ipaddress.IPv4Address) -> None:
        """The system of a node: a file system in a file."""
        directory = self.directory(node)
        lower = rootfs.ensure(self.release, kernel=True)
        for name in ("upper", "work", "root"):
            (directory / name).mkdir(exist_ok=True)
        layers = f"lowerdir={lower},upperdir={directory}/upper,workdir={directory}/work"
        host.run("mount", "-t", "overlay", f"cairn-lab-{self.plan.lab_id}", "-o", layers, directory / "root")
        try:
            self.configure(directory / "root", node, gateway, self._files(node))
            host.run("truncate", "--size", SYSTEM_SIZE, directory / "system.img")
            options = ("-E", "lazy_itable_init=1,nodiscard", "-L", LABEL)
            host.run("mkfs.ext4", "-q", *options, "-d", directory / "root", directory / "system.img")
        finally:
            host.run("umount", directory / "root")
        for number, _ in enumerate(node.disks):
            path = directory / "disks" / str(number)
            if not path.exists():
                host.run("truncate", "--size", self.disk_size, path)
        monitor = directory / "monitor"
        self.write_spec(node, self._command(node, lower, monitor), qmp=str(monitor))

    def uninstall(self, node: Node) -> None:
        """Remove the file system."""
        (self.directory(node) / "system.img").unlink()
        for path in (self.directory(node) / "upper").iterdir():
            host.run("rm", "-r", path)

    def _files(self, node: Node) -> dict[str, str]:
        """The names of the NICs, and the root file system."""
        place = self.plan.nodes.index(node)
        links = {
            f"etc/systemd/network/10-{nic.name}.link": (
                f"[Match]\nMACAddress={mac(self.plan.lab_id, place, number)}\n[Link]\nName={nic.name}\n"
            )
            for number, nic in enumerate(node.nics)
        }
        return links | {"etc/fstab": f"LABEL={LABEL} / ext4 errors=remount-ro 0 1\n"}

    def _command(self, node: Node, lower: Path, monitor: Path) -> list[str]:
        directory, place = self.directory(node), self.plan.nodes.index(node)
        command = ["qemu-system-x86_64", "-name", f"lab-{self.plan.lab_id}-{place}", "-machine", "q35", *hardware()]
        command += ["-smp", CPUS, "-m", MEMORY, "-nodefaults", "-display", "none", "-serial", "stdio"]
        command += ["-qmp", f"unix:{monitor},server=on,wait=off", "-device", "amd-iommu", "-device", "virtio-rng-pci"]
        command += ["-device", "i6300esb", "-action", "watchdog=reset"]
        command += ["-kernel", str(lower / "vmlinuz"), "-initrd", str(lower / "initrd.img")]
        command += ["-append", f"root=LABEL={LABEL} rw console=ttyS0 quiet iommu=pt"]
        command += [*_drive("system", directory / "system.img"), "-device", "virtio-blk-pci,drive=system,bus=pcie.0"]
        for number, nic in enumerate(self.cables(node)):
            command += ["-netdev", f"tap,id={nic['segment']},ifname={nic['link']},script=no,downscript=no"]
            port, address = f"nic{number}", mac(self.plan.lab_id, place, number)
            card = f"virtio-net-pci,netdev={nic['segment']},mac={address},bus={port}"
            command += [*_port(port, number), "-device", card]
        sata = 0
        for number, path in enumerate(node.disks):
            serial, drive = path.rpartition("-")[2], f"disk{number}"
            command += _drive(drive, directory / "disks" / str(number))
            if path.startswith(NVME):
                port = f"port{number}"
                command += [*_port(port, 16 + number), "-device", f"nvme,drive={drive},serial={serial},bus={port}"]
            else:
                command += ["-device", f"ide-hd,drive={drive},serial={serial},bus=ide.{sata}"]
                sata += 1
        if sata > SATA_PORTS:
            raise LabError(f"{node.name}: it has {sata} SATA disks, and a machine has {SATA_PORTS} ports")
        return command

    def connect(self, node: Node, segments: set[str], cable: str) -> None:
        """Plug in the node's cables of some segments, or pull them, which the node sees."""
        super().connect(node, segments, cable)
        for nic in node.nics:
            if nic.segment in segments:
                up = cable != network.OUT
                qmp.execute(self.directory(node) / "monitor", "set_link", name=nic.segment, up=up)


def _drive(name: str, path: Path) -> list[str]:
    return ["-drive", f"id={name},file={path},format=raw,if=none,cache=unsafe,discard=unmap"]


def _port(name: str, number: int) -> list[str]:
    """A PCIe port of its own, so that the device behind it has an IOMMU group of its own."""
    return ["-device", f"pcie-root-port,id={name},chassis={number + 1},slot={number + 1}"]
