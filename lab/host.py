"""The machine that carries labs: processes, packages, and how it reaches names and packages."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from plan import LabError

REPOSITORY = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cairn-lab"
BUILD = REPOSITORY / "build" / "lab"
SSH_KEY = BUILD / "id_ed25519"

PACKAGE_OF = {
    "ip": "iproute2",
    "ipmi_sim": "openipmi",
    "losetup": "mount",
    "mkfs.ext4": "e2fsprogs",
    "mmdebstrap": "mmdebstrap",
    "nft": "nftables",
    "ssh": "openssh-client",
    "systemd-nspawn": "systemd-container",
}
APT_LOCK = "DPkg::Lock::Timeout=600"


def run(*command: str | Path, stdin: str | None = None) -> str:
    """Standard output of a command; LabError with its last lines when it fails."""
    result = subprocess.run([str(part) for part in command], input=stdin, capture_output=True, text=True, check=False)
    if result.returncode:
        tail = "\n".join((result.stderr or result.stdout).strip().splitlines()[-8:])
        raise LabError(f"{' '.join(str(part) for part in command)} failed with {result.returncode}: {tail}")
    return result.stdout


def run_json(*command: str | Path) -> Any:
    """Like run(), for a command that prints JSON; iproute2 prints nothing for an empty list."""
    return json.loads(run(*command) or "[]")


def say(text: str) -> None:
    """A line of progress for the person who waits."""
    print(f"lab: {text}", file=sys.stderr, flush=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file; the kernel frees it when the process ends, however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def require(*extra: str, commands: dict[str, str] | None = None) -> None:
    """Install the packages whose commands are missing here, and those named in ``extra`` that dpkg lacks."""
    if os.geteuid():
        raise LabError("the lab makes containers, bridges and loop devices; run it as root")
    # Nodes and guest image are made side by side; apt waits for the lock of dpkg, yet not for that of its lists.
    with locked(CACHE / "apt.lock"):
        wanted = {pkg for cmd, pkg in (commands or PACKAGE_OF).items() if not shutil.which(cmd)}
        wanted |= {pkg for pkg in extra if not Path(f"/var/lib/dpkg/info/{pkg}.list").exists()}
        if not wanted:
            return
        say(f"installing {' '.join(sorted(wanted))}")
        os.environ["DEBIAN_FRONTEND"] = "noninteractive"
        run("apt-get", "-q", "-o", APT_LOCK, "update")
        run("apt-get", "-q", "-y", "-o", APT_LOCK, "install", "--no-install-recommends", *sorted(wanted))


def apt_settings() -> list[str]:
    """How this machine's apt reaches its mirror: proxies, certificates, checks of validity."""
    dump = run("apt-config", "dump").splitlines()
    kept = [line for line in dump if re.match(r"Acquire::(https?|Check-|ForceIPv|Retries)", line)]
    for variable, option in (("http_proxy", "http"), ("https_proxy", "https")):
        proxy = os.environ.get(variable)
        if proxy:
            kept.append(f'Acquire::{option}::Proxy "{proxy}";')
    return [line for line in kept if not line.endswith('"";')]


def apt_sources(release: str) -> list[str]:
    """One-line sources for a Debian release, from the mirrors that this machine itself uses."""
    own = re.search(r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text(), re.MULTILINE)
    targets = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages").splitlines()
    sources = []
    for uri, suite in (line.split() for line in dict.fromkeys(targets)):
        codename, _, pocket = suite.partition("-")
        if own and codename in (own[1], release, "stable") and pocket in ("", "updates", "security"):
            sources.append(f"deb {uri} {release}{'-' if pocket else ''}{pocket} main")
    if not sources:
        raise LabError("no Debian mirror found in this machine's apt sources; add one to /etc/apt/sources.list.d")
    return list(dict.fromkeys(sources))


def resolver() -> str:
    """A resolv.conf for the nodes: this machine's name servers, given up quickly.

    A stub on 127.0.0.53 is not reachable from a node; systemd-resolved keeps the real servers in its own file.
    """
    for path in ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"):
        text = Path(path).read_text() if Path(path).exists() else ""
        servers = [s for s in re.findall(r"^nameserver\s+(\S+)", text, re.MULTILINE) if not s.startswith("127.")]
        if servers:
            return "".join(f"nameserver {server}\n" for server in servers) + "options timeout:1 attempts:2\n"
    return "options timeout:1 attempts:1\n"


def read_inventory(path: Path) -> dict[str, Any]:
    """The inventory as ``ansible-inventory --list`` sees it."""
    if not path.exists():
        raise LabError(f"the inventory {path} does not exist")
    return _ansible_inventory("-i", path)


def read_variables(path: Path) -> dict[str, Any]:
    """A file of variables, as Ansible reads it: the lab needs no other reader of YAML."""
    listed = _ansible_inventory("-i", "localhost,", "-e", f"@{path}")
    variables: dict[str, Any] = listed["_meta"]["hostvars"]["localhost"]
    return variables


def _ansible_inventory(*arguments: str | Path) -> dict[str, Any]:
    places: list[str | Path] = [Path(sys.executable).parent, REPOSITORY / "build/venv/bin", *os.get_exec_path()]
    tools = (Path(place) / "ansible-inventory" for place in places)
    command = next((tool for tool in tools if os.access(tool, os.X_OK)), None)
    if not command:
        raise LabError("ansible-inventory is not installed; run the lab through make")
    listed: dict[str, Any] = run_json(command, *arguments, "--list")
    return listed


def ssh_key() -> Path:
    """The lab's private key, made once."""
    if not SSH_KEY.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "cairn-lab", "-f", SSH_KEY)
    return SSH_KEY


def ssh_command(address: str, user: str = "root") -> list[str]:
    """The command line that logs in without touching anybody's known_hosts."""
    quiet = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "ConnectTimeout=5"]
    options = [word for option in quiet for word in ("-o", option)]
    return ["ssh", "-i", str(ssh_key()), *options, f"{user}@{address}"]
