# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The node's side of a guarded change: read the network, save it, arm the timer, write, confirm or roll back.

A change is pending while the directory `pending` exists. It ends in one rename, under a lock that the rollback takes
too.

Private to the collection.
"""

from __future__ import annotations

import fcntl
import glob
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.cairn.hci.plugins.module_utils import _dhcp, _network_change, _networkd
from ansible_collections.cairn.hci.plugins.module_utils._bridge import Node
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, ResourceError

STATE = Path("/var/lib/cairn/network")
PENDING = STATE / "pending"
ROLLED_BACK = STATE / "rolled-back"
CONFIRMED = STATE / "confirmed"
LOCK = "/run/cairn-network.lock"
KERNEL_TABLES = frozenset({"main", "local", "default"})
TIMER = "cairn-network-rollback"
APPLY = "cairn-network-apply"
UNITS = Path("/etc/systemd/system")
BOOT_UNIT = UNITS / "cairn-network-rollback-boot.service"
BOOT_LINK = UNITS / "sysinit.target.wants" / BOOT_UNIT.name
INTERFACES = "/etc/network/interfaces"
SYSCTLS = ("disable_ipv6", "accept_ra", "addr_gen_mode")
TOO_LATE = "no fresh connection reached the node in time"
CLIENTS = ("dhclient", "dhcpcd", "udhcpc")

BOOT_TEXT = f"""{_networkd.HEADER}[Unit]
Description=Return to the network configuration before an unconfirmed change
DefaultDependencies=no
RequiresMountsFor={STATE} /etc
After=systemd-remount-fs.service
Before=network-pre.target systemd-networkd.service networking.service shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target
ConditionPathIsDirectory={PENDING}

[Service]
Type=oneshot
ExecStart=/bin/sh {PENDING}/restore boot

[Install]
WantedBy=sysinit.target
"""


def run(*command: str, check: bool = True) -> str:
    """Run a command and return what it printed; a failure is one sentence."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    if check and done.returncode:
        raise ResourceError(f"{' '.join(command)} failed: {(done.stderr or done.stdout).strip()}.")
    return done.stdout


def succeeds(*command: str) -> bool:
    """Whether a command ends well."""
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def documents(*command: str, check: bool = True) -> list[Object]:
    """The JSON list that a command prints."""
    text = run(*command, check=check).strip()
    found = json.loads(text) if text else []
    return [entry for entry in found if entry]


def policy_routes() -> dict[str, list[str]]:
    """The routing tables beside the kernel's own that have routes through a link, by link.

    Those by hand or by ifupdown: networkd brings back what is in its files.
    """
    found: dict[str, set[str]] = {}
    for family in ("-4", "-6"):
        for entry in documents("ip", "-json", family, "route", "show", "table", "all", check=False):
            table = str(entry.get("table", "main"))
            if "dev" in entry and table not in KERNEL_TABLES and entry.get("protocol", "boot") == "boot":
                found.setdefault(entry["dev"], set()).add(table)
    return {link: sorted(tables) for link, tables in found.items()}


def active(unit: str) -> bool:
    """Whether a unit is running or about to."""
    return run("systemctl", "is-active", unit, check=False).strip() in {"active", "activating", "reloading"}


def text_files(patterns: list[str]) -> dict[str, str]:
    """The text of the files that match, by path."""
    paths = sorted({path for pattern in patterns for path in glob.glob(pattern)})
    return {path: Path(path).read_text(encoding="utf-8") for path in paths if Path(path).is_file()}


def ifupdown_files() -> dict[str, str]:
    """The files of ifupdown: the main one and those it names."""
    found = text_files([INTERFACES])
    patterns = []
    for line in found.get(INTERFACES, "").splitlines():
        word, _space, rest = line.strip().partition(" ")
        for pattern in rest.split() if word in {"source", "source-directory"} else []:
            full = os.path.join(os.path.dirname(INTERFACES), pattern)
            patterns.append(f"{full}/[a-zA-Z0-9_-]*" if word == "source-directory" else full)
    return found | text_files(patterns)


def static_dns() -> dict[str, list[str]]:
    """Name servers that networkd has from a file, by link."""
    text = run("networkctl", "list", "--json=short", check=False) if active("systemd-networkd.service") else ""
    try:
        links = json.loads(text or "{}").get("Interfaces", [])
    except ValueError:
        return {}
    return {link["Name"]: [ip for ip in map(static_server, link.get("DNS", [])) if ip] for link in links}


def static_server(entry: Object) -> str | None:
    """The address of a name server of networkd's JSON, when it is static."""
    address = entry.get("Address")
    if entry.get("ConfigSource") != "static" or not address:
        return None
    family = {4: ".".join(str(byte) for byte in address)}
    groups = [f"{address[i] << 8 | address[i + 1]:x}" for i in range(0, len(address) - 1, 2)]
    return family.get(len(address), ":".join(groups))


def client_ids(links: dict[str, Object]) -> dict[str, str]:
    """Who the DHCP client of a link says it is, by link."""
    duid = text_files(["/var/lib/dhcpcd/duid"])
    found: dict[str, str | None] = {}
    for name, link in links.items():
        mac = str(link.get("address", ""))
        for text in text_files([f"/run/systemd/netif/leases/{link['ifindex']}"]).values():
            found[name] = _dhcp.from_networkd(text)
        for text in text_files([f"/var/lib/dhcp/dhclient.{name}.leases"]).values():
            found.setdefault(name, _dhcp.from_dhclient(text, mac))
        for text in duid.values() if glob.glob(f"/var/lib/dhcpcd/{name}*.lease") else []:
            found.setdefault(name, _dhcp.from_dhcpcd(text, mac))
    return {name: entry for name, entry in found.items() if entry}


def can_filter_vlans() -> bool:
    """Whether the kernel can make a VLAN-aware bridge; tried in a network namespace of its own."""
    probe = ("unshare", "--net", "ip", "link", "add", "name", "probe", "type", "bridge")
    return succeeds(*probe, "vlan_filtering", "1") or not succeeds(*probe)


def read_node(vlan: bool) -> Node:
    """Everything about the node's network. `vlan`: whether VLAN filtering matters."""
    links = {link["ifname"]: link for link in documents("ip", "-json", "-details", "address")}
    vxlans = [name for name, link in links.items() if (link.get("linkinfo") or {}).get("info_kind") == "vxlan"]
    flood = documents("bridge", "-json", "fdb", "show", check=False) if vxlans else []
    return Node(
        host=os.uname().nodename.partition(".")[0],
        links=links,
        routes=documents("ip", "-json", "route") + documents("ip", "-json", "-6", "route", check=False),
        policy=policy_routes(),
        files=text_files([f"{_networkd.PREFIX}*", *_networkd.COMMON]),
        ifupdown=ifupdown_files(),
        dns=static_dns(),
        client_ids=client_ids(links),
        flood=[entry for entry in flood if entry.get("mac") == _networkd.FLOOD and entry.get("ifname") in vxlans],
        vlan_filtering=can_filter_vlans() if vlan else True,
        network_manager=active("NetworkManager.service"),
        pending=PENDING.is_dir(),
    )


@contextmanager
def lock() -> Iterator[None]:
    """Exclude the rollback, and another run."""
    with open(LOCK, "w", encoding="ascii") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def write(path: str, text: str | None) -> None:
    """Write or remove a file, in one step."""
    if text is None:
        Path(path).unlink(missing_ok=True)
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    fresh = Path(f"{path}.cairn-new")
    fresh.write_text(text, encoding="utf-8")
    fresh.chmod(0o644)
    os.replace(fresh, path)


def save(node: Node, change: _network_change.Change, token: str) -> None:
    """Make the directory `pending`: copies of the files, the live state, and the script that restores both."""
    draft = STATE / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700, parents=True)
    saved: dict[str, str | None] = {}
    for number, path in enumerate(sorted(change.files)):
        exists = Path(path).is_file()
        saved[path] = f"{PENDING}/file.{number}" if exists else None
        if exists:
            shutil.copy2(path, draft / f"file.{number}")
    links = sorted(change.links - change.created)
    keys = [f"/proc/sys/net/ipv6/conf/{link}/{key}" for link in links for key in SYSCTLS]
    sysctls = {key: Path(key).read_text(encoding="ascii").strip() for key in keys if Path(key).exists()}
    state = _network_change.Saved(str(STATE), saved, sysctls, active("systemd-networkd.service"))
    script = _network_change.restore_script(node, change, state)
    live = "".join(f"{line}\n" for line in _network_change.live_batch(node, change))
    (draft / "live").write_text(live, encoding="utf-8")
    (draft / "restore").write_text(script, encoding="utf-8")
    (draft / "token").write_text(token, encoding="ascii")
    os.sync()
    write(str(BOOT_UNIT), BOOT_TEXT)
    BOOT_LINK.parent.mkdir(exist_ok=True)
    BOOT_LINK.unlink(missing_ok=True)
    BOOT_LINK.symlink_to(BOOT_UNIT)
    os.replace(draft, PENDING)


def arm(timeout: int) -> None:
    """Start the timer that rolls back unless it is stopped."""
    run("systemctl", "reset-failed", f"{TIMER}.timer", f"{TIMER}.service", check=False)
    run(
        *("systemd-run", "--quiet", "--collect", f"--unit={TIMER}", f"--on-active={timeout}", "--service-type=oneshot"),
        *("--timer-property=AccuracySec=100ms", "/bin/sh", f"{PENDING}/restore"),
    )


def dhcp_clients(links: set[str]) -> list[int]:
    """Processes of ifupdown's DHCP clients on some links."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            words = Path(path).read_bytes().replace(b"\0", b" ").decode(errors="replace").split()
        except OSError:
            continue
        if words and os.path.basename(words[0]).rstrip(":") in CLIENTS and links & set(words[1:]):
            found.append(int(path.split("/")[2]))
    return sorted(found)


def begin(node: Node, change: _network_change.Change, token: str, timeout: int) -> None:
    """Save, arm, write the files and start the change as a unit of its own; returns before the links change."""
    with lock():
        if PENDING.exists():
            raise ResourceError(f"{node.host}: another network change waits for its confirmation; try again later.")
        save(node, change, token)
        try:
            arm(timeout)
        except ResourceError:
            shutil.rmtree(PENDING, ignore_errors=True)
            BOOT_LINK.unlink(missing_ok=True)
            raise
    for path, text in change.files.items():
        write(path, text)
    script = PENDING / "apply"
    script.write_text(_network_change.apply_script(change, dhcp_clients(change.links), os.getpid()), encoding="utf-8")
    run("systemctl", "reset-failed", f"{APPLY}.service", check=False)
    run("systemd-run", "--quiet", "--collect", "--no-block", f"--unit={APPLY}", "/bin/sh", str(script))


def token_of(directory: Path) -> str | None:
    """The name of the change that a directory is of."""
    path = directory / "token"
    return path.read_text(encoding="ascii") if path.exists() else None


def applying() -> bool:
    """Whether the change is still being made."""
    return active(f"{APPLY}.service")


def confirm(token: str) -> None:
    """Keep the change: the timer is stopped, the saved state is no longer needed for a rollback."""
    with lock():
        if token_of(CONFIRMED) == token:
            return
        if token_of(PENDING) != token:
            raise ResourceError(TOO_LATE)
        shutil.rmtree(CONFIRMED, ignore_errors=True)
        os.replace(PENDING, CONFIRMED)
        BOOT_LINK.unlink(missing_ok=True)
    run("systemctl", "stop", f"{TIMER}.timer", check=False)


def roll_back() -> None:
    """Return to what was, now. The unit ends also when it cuts this very session."""
    if PENDING.exists():
        script = f"{PENDING}/restore"
        run("systemd-run", "--quiet", "--collect", "--wait", "--service-type=oneshot", "/bin/sh", script, check=False)
    if PENDING.exists():
        raise ResourceError(f"the rollback did not end; see journalctl and run `sh {PENDING}/restore` on the console.")


def wait_quiet() -> None:
    """Wait until networkd has brought back what a rollback gave it: half a second without any change, 10 s at most."""
    before = ""
    for _try in range(20):
        now = run("ip", "-br", "address")
        if now == before:
            return
        before = now
        time.sleep(0.5)
