"""Stock Debian root file systems, built once per release and recipe, and the nodes' shared package cache."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import host
from plan import LabError

RELEASES = ("trixie", "bookworm")

# What Debian's installer leaves on a server with the SSH task, and nothing of the product.
PACKAGES = [
    *("systemd-sysv", "udev", "dbus", "libpam-systemd", "openssh-server", "python3", "sudo", "cron", "logrotate"),
    *("ifupdown", "iproute2", "iputils-ping", "ca-certificates", "kmod", "procps", "netbase", "less", "vim-tiny"),
]

# What a node with a kernel of its own has more.
KERNEL = ["linux-image-amd64", "initramfs-tools", "zstd", "grub2-common", "grub-pc-bin", "e2fsprogs", "pciutils"]
# Its initial file system finds the root, and no more: all of Debian's drivers take long to unpack under emulation.
KERNEL_FILES = {
    "etc/initramfs-tools/conf.d/lab": "MODULES=list\n",
    "usr/share/initramfs-tools/modules.d/lab": "virtio_pci\nvirtio_blk\next4\n",
}
GRUB_MODULES = "usr/lib/grub/i386-pc"

# All that the role base installs, in LAB_PACKAGES and LAB_GUEST_PACKAGES.
ROLES = "roles"
ROLES_FILE = host.REPOSITORY / "roles/base/vars/main.yml"
# Each of these packages excludes the other one, and a node is rather a member than a remote.
EXCLUDED = "pacemaker-remote"
# They would start with Debian's own configuration when the node boots.
DISABLED = ("corosync.service", "pacemaker.service")

# Nodes live for minutes: no documentation, no syncs, no translations.
DPKG_OPTIONS = ["force-unsafe-io", *(f"path-exclude=/usr/share/{name}/*" for name in ("doc", "locale", "man"))]

FILES = {
    "etc/ssh/sshd_config.d/lab.conf": "PermitRootLogin yes\nUseDNS no\n",
    # Ceph refuses loop devices unless told otherwise: for people and Ansible, and for units.
    "etc/environment": "CEPH_VOLUME_ALLOW_LOOP_DEVICES=1\n",
    "etc/systemd/system.conf.d/lab.conf": "[Manager]\nDefaultEnvironment=CEPH_VOLUME_ALLOW_LOOP_DEVICES=1\n",
    # The nodes' journals would outlive nothing and cost a sync each.
    "etc/systemd/journald.conf.d/lab.conf": "[Journal]\nStorage=persistent\nSystemMaxUse=64M\nSyncIntervalSec=10min\n",
}
# Timers that take apt's lock at random moments.
MASKED = ("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer")
PASSWORD = "root:cairn"  # documented in lab/README.md; the nodes are reachable from this machine only


def certificates() -> dict[str, bytes]:
    """The certificate authorities that this machine trusts beyond Debian's."""
    return {path.name: path.read_bytes() for path in sorted(Path("/usr/local/share/ca-certificates").rglob("*.crt"))}


def further(variable: str, release: str) -> list[str]:
    """The packages that an environment variable names, apart by spaces or commas."""
    names = os.environ.get(variable, "").replace(",", " ").split()
    return sorted({package for name in names for package in (_of_roles(release) if name == ROLES else [name])})


def _of_roles(release: str) -> set[str]:
    known = host.read_variables(ROLES_FILE)
    packages = known["base_required_packages"] + known["base_ha_packages"] + known["base_release_packages"][release]
    return set(packages) - {EXCLUDED}


def _recipe(release: str, packages: list[str]) -> str:
    parts = [Path(__file__).read_text(), *host.apt_sources(release), *host.apt_settings(), *packages]
    digest = hashlib.sha256("\n".join(parts).encode())
    for content in certificates().values():
        digest.update(content)
    return digest.hexdigest()[:12]


def pool(release: str) -> Path:
    """Packages that any node has downloaded, shared by all labs through hard links."""
    path = host.CACHE / "apt" / release
    path.mkdir(parents=True, exist_ok=True)
    return path


def link_packages(source: Path, target: Path) -> None:
    """Hard-link the .deb files of a directory into another one; apt checks size and hash before it uses one."""
    target.mkdir(parents=True, exist_ok=True)
    for package in source.glob("*.deb"):
        if not (target / package.name).exists():
            os.link(package, target / package.name)


def ensure(release: str, *, kernel: bool = False) -> Path:
    """The root file system of a release; built when this recipe has not been built on this machine yet.

    It has the packages of LAB_PACKAGES as well. With a kernel, that is `vmlinuz` and its initial file system
    `initrd.img` at the root, as Debian links them, and GRUB's modules are where grub-install puts them.
    """
    if release not in RELEASES:
        raise LabError(f"LAB_RELEASE={release} is not supported; use {' or '.join(RELEASES)}")
    packages = [*PACKAGES, *(KERNEL if kernel else []), *further("LAB_PACKAGES", release)]
    root = host.CACHE / "rootfs" / f"{release}{'-kernel' if kernel else ''}-{_recipe(release, packages)}"
    with host.locked(host.CACHE / "rootfs.lock"):
        if not root.exists():
            _build(release, root, packages, KERNEL_FILES if kernel else {})
    return root


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _build(release: str, root: Path, packages: list[str], early: dict[str, str]) -> None:
    """``early`` are files that the packages find when they are configured."""
    host.say(f"building the root file system of {release} (once per machine)")
    temporary = root.with_suffix(".new")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    _write(temporary, early)
    bootstrap(release, temporary, packages)
    _write(temporary, FILES)
    disabled = [unit for unit in DISABLED if (temporary / "usr/lib/systemd/system" / unit).exists()]
    if disabled:
        host.run("systemctl", f"--root={temporary}", "--quiet", "disable", *disabled)
    if (temporary / GRUB_MODULES).exists():
        shutil.copytree(temporary / GRUB_MODULES, temporary / "boot/grub/i386-pc")
    for unit in MASKED:
        (temporary / "etc/systemd/system" / unit).symlink_to("/dev/null")
    for key in (temporary / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    (temporary / "etc/machine-id").write_text("")
    for stamp in ("etc/.updated", "var/.updated"):  # newer than /usr: no ldconfig nor hwdb run at the first boot
        (temporary / stamp).touch()
    host.run("chroot", temporary, "chpasswd", stdin=PASSWORD)
    temporary.rename(root)


def bootstrap(release: str, root: Path, packages: list[str]) -> None:
    """mmdebstrap into a directory with this machine's mirror; apt's lists stay, so that nodes need not fetch them."""
    archives = root / "var/cache/apt/archives"
    authorities = root / "usr/local/share/ca-certificates"
    command: list[str | Path] = ["mmdebstrap", "--quiet", "--variant=apt", "--mode=root", "--format=directory"]
    command += ["--skip=check/empty,cleanup/apt/lists,cleanup/apt/cache", f"--include={','.join(packages)}"]
    command += [f"--aptopt={line}" for line in [*host.apt_settings(), 'Acquire::Languages "none";']]
    command += [f"--dpkgopt={line}" for line in DPKG_OPTIONS]
    command += [release, root, "-"]
    host.run(*command, stdin="".join(f"{line}\n" for line in host.apt_sources(release)))
    link_packages(archives, pool(release))
    for package in archives.glob("*.deb"):
        package.unlink()
    for name, content in certificates().items():
        (authorities / name).write_bytes(content)
    host.run("chroot", root, "update-ca-certificates")
