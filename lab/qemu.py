"""Driver ``qemu``: a node is a virtual machine with a kernel of its own, IOMMU, NVMe and SATA disks, and a watchdog.

With KVM where the processor has it, else by emulation: slow, and the same. Debian's GRUB starts the kernel from the
node's own disk, as on a server.
"""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
from pathlib import Path

import disk
import host
import network
import qmp
import rootfs
from driver import Driver
from plan import LabError, Node

SYSTEM_SIZE = 16 * 1024 * disk.MIB
LABEL = "lab"
# What a node has without ceph_osd_memory and the like: three of them fit into 16 GiB.
MEMORY = os.environ.get("LAB_MEMORY", "5G")
CPUS = os.environ.get("LAB_CPUS")
# What a node starts from: "disk" or "network".
BOOT = os.environ.get("LAB_BOOT", "disk")
# Disks whose names begin so are behind a controller of their own.
NVME = ("/dev/disk/by-id/nvme-", "/dev/nvme")
# A pattern that ends there means the names that udev makes of model and serial number, too.
OWN_NAMES = ("/dev/disk/by-id/nvme-LAB_", "/dev/disk/by-id/ata-LAB_")
# A controller of NVMe says no more of its serial number (NVM Express base specification, Identify Controller).
SERIAL_LENGTH = 20
# Ports of the AHCI controller that every q35 machine has.
SATA_PORTS = 6
# Measures against speculation protect nobody here, and are costly where each instruction is translated.
# A busy machine emulates so slowly that the kernel takes its timer for broken, and panics.
KERNEL_OPTIONS = "console=ttyS0 intel_iommu=on iommu=pt mitigations=off no_timer_check"
GRUB_DEFAULTS = f"""\
GRUB_DEFAULT=0
GRUB_TIMEOUT=0
GRUB_DISTRIBUTOR=Debian
GRUB_CMDLINE_LINUX_DEFAULT="quiet"
GRUB_CMDLINE_LINUX="{KERNEL_OPTIONS}"
GRUB_TERMINAL=console
"""
# Until the node's own update-grub writes another one.
GRUB_MENU = f"""\
linux /vmlinuz root=LABEL={LABEL} ro {KERNEL_OPTIONS} quiet
initrd /initrd.img
boot
"""


def hardware() -> list[str]:
    """How processor and IOMMU are had: /dev/kvm may exist where it runs nothing."""
    flags = re.search(r"^flags\s*:.*\b(vmx|svm)\b", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    if flags and os.access("/dev/kvm", os.R_OK | os.W_OK):
        iommu = "intel-iommu" if flags[1] == "vmx" else "amd-iommu"
        kvm = ["-accel", "kvm", "-machine", "kernel-irqchip=split", "-cpu", "host", "-smp", CPUS or "2"]
        return [*kvm, "-device", f"{iommu},intremap=on"]
    # An emulated processor may run what another one has just changed: a kernel that patches itself ends with "int3".
    # The fifth level of page tables costs an emulated processor time, and a lab has no use for it.
    tcg = ["-accel", "tcg,thread=multi", "-cpu", "max,la57=off", "-smp", CPUS or "1"]
    return [*tcg, "-device", "amd-iommu,intremap=on"]


def mac(lab: str, node: int, nic: int) -> str:
    """The hardware address of a node's NIC, locally administered."""
    return bytes([0x52, *bytes.fromhex(lab), node, nic]).hex(":")


def serial(path: str) -> str:
    """The serial number of a disk: what a name below /dev/disk/by-id ends with."""
    return Path(path).name.rpartition("-")[2][-SERIAL_LENGTH:]


class QemuDriver(Driver):
    """Nodes with kernels of their own."""

    BOOT_SECONDS = 600.0
    STOP_SECONDS = 180.0

    def create(self, gateway: ipaddress.IPv4Address) -> None:
        """Disks and root file systems of all nodes; nothing runs yet."""
        if BOOT not in ("disk", "network"):
            raise LabError(f"LAB_BOOT={BOOT} is unknown; use disk or network")
        commands = {"qemu-system-x86_64": "qemu-system-x86", **disk.TOOLS}
        host.require(*disk.GRUB, "ipxe-qemu", commands=commands)
        super().create(gateway)

    def install(self, node: Node, gateway: ipaddress.IPv4Address) -> None:
        """The system of a node, on a disk with a boot loader."""
        directory = self.directory(node)
        lower = rootfs.ensure(self.release, kernel=True)
        work = directory / "install"
        for name in ("upper", "overlay", "root"):
            (work / name).mkdir(parents=True)
        layers = f"lowerdir={lower},upperdir={work}/upper,workdir={work}/overlay"
        host.run("mount", "-t", "overlay", f"cairn-lab-{self.plan.lab_id}", "-o", layers, work / "root")
        try:
            self.configure(work / "root", node, gateway, self._files(node))
            disk.assemble(work / "root", work, directory / "system.img", SYSTEM_SIZE, LABEL)
        finally:
            host.run("umount", work / "root")
        shutil.rmtree(work)
        for number, _ in enumerate(node.disks):
            path = directory / "disks" / str(number)
            if not path.exists():
                host.run("truncate", "--size", self.disk_size, path)
        self._write_spec(node)

    def uninstall(self, node: Node) -> None:
        """Remove the system's disk."""
        (self.directory(node) / "system.img").unlink()

    def start(self, node: Node) -> None:
        """Boot a node that is off, with the memory, the processors and from what the environment says now."""
        if not self.running(node):
            self._write_spec(node)
        super().start(node)

    def connect(self, node: Node, segments: set[str], cable: str) -> None:
        """Plug in the node's cables of some segments, or pull them, which the node sees."""
        super().connect(node, segments, cable)
        for nic in self.cables(node):
            if nic["segment"] in segments:
                qmp.execute(self._monitor(node), "set_link", name=nic["link"], up=cable != network.OUT)

    def _monitor(self, node: Node) -> Path:
        return self.directory(node) / "monitor"

    def _write_spec(self, node: Node) -> None:
        self.write_spec(node, self._command(node), qmp=str(self._monitor(node)))

    def _files(self, node: Node) -> dict[str, str]:
        """Names of the NICs and disks, the root file system and how it is booted."""
        place = self.plan.nodes.index(node)
        links = {
            f"etc/systemd/network/10-{nic.name}.link": (
                f"[Match]\nMACAddress={mac(self.plan.lab_id, place, number)}\n[Link]\nName={nic.name}\n"
            )
            for number, nic in enumerate(node.nics)
        }
        return links | {
            "etc/udev/rules.d/90-lab-disks.rules": "".join(
                _udev_rule(path) for path in node.disks if not path.startswith(OWN_NAMES)
            ),
            "etc/fstab": f"LABEL={LABEL} / ext4 errors=remount-ro 0 1\n",
            "etc/default/grub": GRUB_DEFAULTS,
            "boot/grub/grub.cfg": GRUB_MENU,
        }

    def _command(self, node: Node) -> list[str]:
        directory, place = self.directory(node), self.plan.nodes.index(node)
        command = ["qemu-system-x86_64", "-name", f"lab-{self.plan.lab_id}-{place}", "-machine", "q35,graphics=off"]
        command += [*hardware(), "-m", MEMORY, "-nodefaults", "-display", "none", "-serial", "stdio"]
        command += ["-qmp", f"unix:{self._monitor(node)},server=on,wait=off", "-device", "virtio-rng-pci"]
        command += ["-device", "virtio-balloon-pci,free-page-reporting=on"]
        # The chipset has a watchdog, too, and the kernel may take that one for /dev/watchdog.
        command += ["-device", "i6300esb", "-global", "ICH9-LPC.noreboot=off", "-action", "watchdog=reset"]
        command += [*_drive("system", directory / "system.img"), "-device", "virtio-blk-pci,drive=system,bootindex=1"]
        return [*command, *self._nics(node), *self._disks(node)]

    def _nics(self, node: Node) -> list[str]:
        command = []
        for number, nic in enumerate(self.cables(node)):
            address = mac(self.plan.lab_id, self.plan.nodes.index(node), number)
            first = BOOT == "network" and not number
            card = f"virtio-net-pci,netdev={nic['link']},mac={address},{'bootindex=0' if first else 'romfile='}"
            command += ["-netdev", f"tap,id={nic['link']},ifname={nic['link']},script=no,downscript=no"]
            command += ["-device", card]
        return command

    def _disks(self, node: Node) -> list[str]:
        """NVMe disks on the root bus, where each has an IOMMU group of its own.

        QEMU's amd-iommu takes what is behind a port for the device 00:00.0, and leaves its DMA untranslated: it asks
        for the number of the bus before the firmware has given it one (amdvi_host_dma_iommu in hw/i386/amd_iommu.c).
        """
        command, sata = [], 0
        for number, path in enumerate(node.disks):
            drive = f"disk{number}"
            command += _drive(drive, self.directory(node) / "disks" / str(number))
            if path.startswith(NVME):
                command += ["-device", f"nvme,drive={drive},serial={serial(path)},bus=pcie.0"]
            else:
                command += ["-device", f"ide-hd,drive={drive},serial={serial(path)},bus=ide.{sata}"]
                sata += 1
        if sata > SATA_PORTS:
            raise LabError(f"{node.name}: it has {sata} SATA disks, and a machine has {SATA_PORTS} ports")
        return command


def _udev_rule(path: str) -> str:
    """The name that the inventory has for a disk, beside the one that udev makes of model and serial number."""
    kernel, name = "nvme*n*" if path.startswith(NVME) else "sd*", path.removeprefix("/dev/")
    match = f'SUBSYSTEM=="block", KERNEL=="{kernel}", ENV{{DEVTYPE}}=="disk", ENV{{ID_SERIAL_SHORT}}=="{serial(path)}"'
    return f'{match}, SYMLINK+="{name}"\n'


def _drive(name: str, path: Path) -> list[str]:
    return ["-drive", f"id={name},file={path},format=raw,if=none,cache=unsafe,discard=unmap"]
