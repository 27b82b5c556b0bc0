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
KERNEL = ["linux-image-amd64", "initramfs-tools", "e2fsprogs", "pciutils"]

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


def _recipe(release: str) -> str:
    parts = [Path(__file__).read_text(), *host.apt_sources(release), *host.apt_settings()]
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

    With a kernel, that is `vmlinuz` and its initial file system `initrd.img` at the root, as Debian links them.
    """
    if release not in RELEASES:
        raise LabError(f"LAB_RELEASE={release} is not supported; use {' or '.join(RELEASES)}")
    root = host.CACHE / "rootfs" / f"{release}{'-kernel' if kernel else ''}-{_recipe(release)}"
    with host.locked(host.CACHE / "rootfs.lock"):
        if not root.exists():
            _build(release, root, [*PACKAGES, *(KERNEL if kernel else [])])
    return root


def _build(release: str, root: Path, packages: list[str]) -> None:
    host.say(f"building the root file system of {release} (once per machine)")
    temporary = root.with_suffix(".new")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    bootstrap(release, temporary, packages)
    for name, text in FILES.items():
        path = temporary / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for unit in MASKED:
        (temporary / "etc/systemd/system" / unit).symlink_to("/dev/null")
    for key in (temporary / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    (temporary / "etc/machine-id").write_text("")
    host.run("chroot", temporary, "chpasswd", stdin=PASSWORD)
    temporary.rename(root)


def bootstrap(release: str, root: Path, packages: list[str]) -> None:
    """mmdebstrap into a directory with this machine's mirror; apt's lists stay, so that nodes need not fetch them."""
    archives = root / "var/cache/apt/archives"
    authorities = root / "usr/local/share/ca-certificates"
    command: list[str | Path] = ["mmdebstrap", "--quiet", "--variant=apt", "--mode=root", "--format=directory"]
    command += ["--skip=cleanup/apt/lists,cleanup/apt/cache", f"--include={','.join(packages)}"]
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
