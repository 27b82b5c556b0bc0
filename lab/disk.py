"""A disk that boots, assembled from a directory and written to a file, without loop or device-mapper devices.

GPT with a BIOS boot partition, an EFI system partition and the root partition; GRUB for BIOS and for UEFI, which reads
/boot/grub/grub.cfg of the root file system.
"""

from __future__ import annotations

import struct
from pathlib import Path

import host

TOOLS = {
    "grub-mkimage": "grub-common",
    "mcopy": "mtools",
    "mke2fs": "e2fsprogs",
    "mkfs.vfat": "dosfstools",
    "sfdisk": "fdisk",
}
GRUB = ("grub-pc-bin", "grub-efi-amd64-bin")

SECTOR = 512
MIB = 1 << 20
BIOS_START, ESP_START, ROOT_START = 1 * MIB, 2 * MIB, 8 * MIB
BIOS_BOOT = "21686148-6449-6E6F-744E-656564454649"  # GPT's type of a BIOS boot partition
# Root is the last on the disk, so that it can grow; the numbers are those of Debian's cloud images.
PARTITIONS = f"""\
label: gpt
disk1: start={ROOT_START // SECTOR}, type=linux
disk14: start={BIOS_START // SECTOR}, size={(ESP_START - BIOS_START) // SECTOR}, type={BIOS_BOOT}
disk15: start={ESP_START // SECTOR}, size={(ROOT_START - ESP_START) // SECTOR}, type=uefi
"""
EARLY_CONFIG = """\
search --no-floppy --label {label} --set=root
set prefix=($root)/boot/grub
configfile $prefix/grub.cfg
"""
EFI_MODULES = ["part_gpt", "ext2", "search", "search_label", "normal", "configfile", "linux", "test", "echo"]
BIOS_MODULES = ["biosdisk", *EFI_MODULES]
EXT4 = ["mke2fs", "-q", "-t", "ext4", "-O", "^metadata_csum_seed,^orphan_file", "-J", "size=16", "-m", "1"]


def assemble(root: Path, work: Path, raw: Path, size: int, label: str) -> None:
    """Partition table, boot loaders and the file system of a directory, each at its offset of one sparse file.

    ``label`` is of the root file system; ``work`` is a directory for what is made on the way.
    """
    with raw.open("wb") as disk:
        disk.truncate(size)
    host.run("sfdisk", "--quiet", raw, stdin=PARTITIONS)
    root_size = size - ROOT_START - MIB  # the last MiB holds the second copy of the partition table
    place = ["-L", label, "-d", str(root), "-E", f"offset={ROOT_START},lazy_itable_init=0"]
    host.run(*EXT4, *place, raw, f"{root_size // 1024}k")
    early = work / "early.cfg"
    early.write_text(EARLY_CONFIG.format(label=label))
    _bios_loader(raw, early, work)
    _efi_loader(raw, early, work)


def _bios_loader(raw: Path, early: Path, work: Path) -> None:
    """What grub-bios-setup does, without a device to do it on.

    boot.img holds at 0x5c the sector of the core; the core's first sector holds at 0x1f4 the sector of its rest
    (grub-core/boot/i386/pc/boot.S and diskboot.S).
    """
    core_file = work / "core.img"
    host.run("grub-mkimage", "-O", "i386-pc", "-p", "/boot/grub", "-c", early, "-o", core_file, *BIOS_MODULES)
    boot = bytearray(Path("/usr/lib/grub/i386-pc/boot.img").read_bytes())
    core = bytearray(core_file.read_bytes())
    struct.pack_into("<Q", boot, 0x5C, BIOS_START // SECTOR)
    struct.pack_into("<Q", core, 0x1F4, BIOS_START // SECTOR + 1)
    with raw.open("r+b") as disk:
        disk.write(boot[:440])  # the partition table's own bytes follow
        disk.seek(BIOS_START)
        disk.write(core)


def _efi_loader(raw: Path, early: Path, work: Path) -> None:
    """The removable-media path, which a firmware without boot entries starts."""
    loader, system_partition = work / "BOOTX64.EFI", work / "esp.img"
    host.run("grub-mkimage", "-O", "x86_64-efi", "-p", "/boot/grub", "-c", early, "-o", loader, *EFI_MODULES)
    with system_partition.open("wb") as image:
        image.truncate(ROOT_START - ESP_START)
    host.run("mkfs.vfat", "-n", "EFI", system_partition)
    host.run("mmd", "-i", system_partition, "::EFI", "::EFI/BOOT")
    host.run("mcopy", "-i", system_partition, loader, "::EFI/BOOT/BOOTX64.EFI")
    with raw.open("r+b") as disk:
        disk.seek(ESP_START)
        disk.write(system_partition.read_bytes())
