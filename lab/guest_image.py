"""A small Debian cloud image for the lab's VMs, in place of Debian's own: same interface, quicker under emulation.

It boots with BIOS and UEFI (disk.py), has cloud-init (NoCloud), and grows to the size of its disk.
"""

from __future__ import annotations

import hashlib
import lzma
import shutil
from pathlib import Path

import disk
import host
import rootfs

RELEASE = "trixie"
NAME = "guest-debian-13.qcow2"
# The same with LAB_GUEST_PACKAGES.
NAME_WITH_PACKAGES = "guest-debian-13-packages.qcow2"
TOOLS = {"cpio": "cpio", "qemu-img": "qemu-utils", **disk.TOOLS}
PACKAGES = [
    *("linux-image-cloud-amd64", "busybox-static", "e2fsprogs", "cloud-init", "cloud-guest-utils", "qemu-guest-agent"),
    *("systemd-sysv", "systemd-resolved", "udev", "dbus", "openssh-server", "python3", "sudo", "ca-certificates"),
    *("iproute2", "iputils-ping", "netbase", "procps", "less"),
]

# With further packages it is larger.
SIZE = 1024 * disk.MIB
LABEL = "cairn-root"

# An emulated CPU is some fifteen times slower: what a lab's guest does not need is off.
KERNEL_OPTIONS = (
    f"root=LABEL={LABEL} rw console=tty0 console=ttyS0,115200 quiet loglevel=3 systemd.show_status=false "
    "mitigations=off no5lvl nowatchdog rcupdate.rcu_expedited=1 8250.nr_uarts=4 random.trust_cpu=on apparmor=0 audit=0 "
    "fsck.mode=skip"
)
# Loaded at once, and only when the root disk is not found.
FIRST_MODULES = ("virtio_blk",)
FURTHER_MODULES = ("virtio_scsi", "sd_mod", "ahci", "nvme")

CLOUD_CONFIG = """\
datasource_list: [NoCloud, None]
datasource: {NoCloud: {fs_label: cidata}}
ssh_genkeytypes: [ed25519]
ssh_deletekeys: true
apt: {preserve_sources_list: true}
manage_etc_hosts: localhost
cloud_init_modules:
  [seed_random, bootcmd, write_files, growpart, resizefs, disk_setup, mounts, set_hostname, update_hostname,
   update_etc_hosts, ca_certs, users_groups, ssh, set_passwords]
cloud_config_modules: [locale, timezone, ntp, runcmd]
cloud_final_modules:
  [package_update_upgrade_install, write_files_deferred, scripts_per_once, scripts_per_boot, scripts_per_instance,
   scripts_user, phone_home, final_message, power_state_change]
system_info: {network: {renderers: [networkd]}}
"""
# Without the hundreds of devices that need no rule: terminals, memory blocks, CPUs.
UDEV_TRIGGER = """\
[Service]
ExecStart=
ExecStart=-udevadm trigger --action=add --subsystem-match=acpi --subsystem-match=block --subsystem-match=input \\
    --subsystem-match=net --subsystem-match=pci --subsystem-match=scsi --subsystem-match=virtio \\
    --subsystem-match=virtio-ports
ExecStart=-udevadm trigger --action=add --name-match=ttyS0
"""
FILES = {
    "etc/systemd/system/systemd-udev-trigger.service.d/lab.conf": UDEV_TRIGGER,
    "etc/cloud/cloud.cfg.d/90_lab.cfg": CLOUD_CONFIG,
    "etc/cloud/ds-identify.cfg": "policy: enabled\n",
    "etc/fstab": f"LABEL={LABEL} / ext4 rw,discard,errors=remount-ro 0 0\n",
    "etc/hostname": "localhost\n",
    "etc/hosts": "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n",
    "etc/machine-id": "",  # empty, not absent: a new id at each clone's boot, without systemd's first-boot presets
    "etc/systemd/journald.conf.d/lab.conf": "[Journal]\nStorage=volatile\n",
    "etc/ssh/sshd_config.d/lab.conf": "UseDNS no\n",
}
ENABLED = ("systemd-networkd.service", "systemd-resolved.service", "ssh.service", "serial-getty@ttyS0.service")
MASKED = [
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer"),
    *("cloud-init-hotplugd.socket", "e2scrub_reap.service", "getty@tty1.service", "systemd-binfmt.service"),
    *("systemd-firstboot.service", "systemd-journal-flush.service", "systemd-modules-load.service"),
    *("systemd-network-generator.service", "systemd-pstore.service", "systemd-udev-load-credentials.service"),
    *("dev-hugepages.mount", "dev-mqueue.mount", "sys-fs-fuse-connections.mount", "sys-kernel-config.mount"),
    *("sys-kernel-debug.mount", "sys-kernel-tracing.mount", "proc-sys-fs-binfmt_misc.automount"),
    *(f"modprobe@{module}.service" for module in ("configfs", "dm_mod", "drm", "efi_pstore", "fuse", "loop")),
]
UNUSED_GENERATORS = ["debug", "gpt-auto", "hibernate-resume", "rc-local", "run", "ssh", "system-update", "sysv", "tpm2"]
# cloud-init does without them (config/schema.py, requests/compat.py), and imports them at every boot.
UNUSED_PYTHON = ["chardet", "jsonschema", "jsonschema_specifications", "referencing"]

INIT = """\
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
for module in {first}; do /bin/busybox insmod /lib/$module.ko; done
try=0
until device=$(/bin/busybox findfs LABEL={label} 2>/dev/null); do
    [ $try = 10 ] && for module in {further}; do /bin/busybox insmod /lib/$module.ko; done
    try=$((try + 1))
    /bin/busybox usleep 50000
done
/bin/busybox mount -t ext4 -o rw $device /root
/bin/busybox umount /sys /proc
exec /bin/busybox switch_root /root /sbin/init
"""


def _recipe(packages: list[str]) -> str:
    text = "".join(Path(module).read_text() for module in (__file__, disk.__file__, rootfs.__file__))
    parts = [text, *host.apt_sources(RELEASE), *host.apt_settings(), *packages]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _size(root: Path) -> int:
    """Whole MiB: a third of the file system is free."""
    used = int(host.run("du", "--summarize", "--block-size=1M", root).split()[0])
    return max(SIZE, used * 3 // 2 * disk.MIB)


def ensure() -> list[Path]:
    """The images in build/lab with their checksums beside them: the plain one, and one with LAB_GUEST_PACKAGES."""
    host.require(*disk.GRUB, commands={**host.PACKAGE_OF, **TOOLS})
    wanted = {NAME: PACKAGES}
    if further := rootfs.further("LAB_GUEST_PACKAGES", RELEASE):
        wanted[NAME_WITH_PACKAGES] = [*PACKAGES, *further]
    return [_ensure(host.BUILD / name, packages) for name, packages in wanted.items()]


def _ensure(image: Path, packages: list[str]) -> Path:
    """One of them; built when its recipe has no image on this machine."""
    cached = host.CACHE / "guest" / f"{_recipe(packages)}.qcow2"
    with host.locked(host.CACHE / "guest.lock"):
        if not cached.exists():
            host.say(f"building {image.name} (once per machine)")
            _build(cached, packages)
    if not image.exists() or image.stat().st_mtime != cached.stat().st_mtime:
        host.BUILD.mkdir(parents=True, exist_ok=True)
        temporary = image.with_suffix(".new")
        shutil.copy2(cached, temporary)
        with temporary.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
        Path(f"{image}.sha256").write_text(f"{digest}  {image.name}\n")
        temporary.rename(image)
    return image


def _build(target: Path, packages: list[str]) -> None:
    work = target.parent / "work"
    shutil.rmtree(work, ignore_errors=True)
    root = work / "root"
    root.mkdir(parents=True)
    rootfs.bootstrap(RELEASE, root, packages)
    _configure(root)
    _kernel(root, work)
    raw = work / "disk.raw"
    disk.assemble(root, work, raw, _size(root), LABEL)
    host.run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, work / "image")
    (work / "image").rename(target)
    shutil.rmtree(work)


def _configure(root: Path) -> None:
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(text)
    generators = [f"etc/systemd/system-generators/systemd-{name}-generator" for name in UNUSED_GENERATORS]
    for name in [*(f"etc/systemd/system/{unit}" for unit in MASKED), *generators]:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).unlink(missing_ok=True)
        (root / name).symlink_to("/dev/null")
    for name in UNUSED_PYTHON:
        shutil.rmtree(root / "usr/lib/python3/dist-packages" / name, ignore_errors=True)
    host.run("systemctl", f"--root={root}", "--quiet", "enable", *ENABLED)
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    (root / "etc/resolv.conf").symlink_to("../run/systemd/resolve/stub-resolv.conf")
    for pattern in ("etc/ssh/ssh_host_*", "var/lib/apt/lists/*_*", "var/cache/apt/*.bin"):
        for unwanted in root.glob(pattern):
            unwanted.unlink()
    for stamp in ("etc/.updated", "var/.updated"):  # newer than /usr: no ldconfig nor hwdb run at the first boot
        (root / stamp).touch()


def _kernel(root: Path, work: Path) -> None:
    """Replace Debian's initramfs (udev and shell scripts, seconds under emulation) by one that only finds the root."""
    version = next((root / "lib/modules").iterdir()).name
    tree = work / "initramfs"
    for directory in ("bin", "dev", "lib", "proc", "root", "sys"):
        (tree / directory).mkdir(parents=True)
    shutil.copy(root / "bin/busybox", tree / "bin/busybox")
    modules = root / "lib/modules" / version
    names = []
    for wanted in (FIRST_MODULES, FURTHER_MODULES):
        files = _modules(modules, wanted)
        for file in files:
            (tree / "lib" / file.name.removesuffix(".xz")).write_bytes(lzma.decompress((modules / file).read_bytes()))
        names.append(" ".join(file.name.removesuffix(".ko.xz") for file in files))
    init = tree / "init"
    init.write_text(INIT.format(first=names[0], further=names[1], label=LABEL))
    init.chmod(0o755)
    archive = root / "boot/initrd.lab"
    host.run("sh", "-c", f"cd {tree} && find . | cpio --quiet -o -H newc > {archive}")
    for stock in root.glob("boot/initrd.img-*"):
        stock.unlink()
    (root / "boot/grub").mkdir(exist_ok=True)
    (root / "boot/grub/grub.cfg").write_text(
        f"linux /boot/vmlinuz-{version} {KERNEL_OPTIONS}\ninitrd /boot/initrd.lab\nboot\n"
    )


def _modules(directory: Path, names: tuple[str, ...]) -> list[Path]:
    """The modules and what they depend on, in the order in which they load."""
    depends = {}
    for line in (directory / "modules.dep").read_text().splitlines():
        path, _, needed = line.partition(":")
        depends[Path(path).name.partition(".")[0]] = [Path(path), *(Path(part) for part in needed.split())]
    ordered: list[Path] = []
    for name in names:
        ordered += [path for path in reversed(depends.get(name, [])) if path not in ordered]
    return ordered
