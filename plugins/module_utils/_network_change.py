# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of a node's network as files and two shell scripts: one makes it, one takes it back. Pure: no I/O.

The scripts run as units of systemd, so they come to their end whatever happens to the SSH session.

Private to the collection.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

from ansible_collections.cairn.hci.plugins.module_utils import _ifupdown, _networkd
from ansible_collections.cairn.hci.plugins.module_utils._bridge import (
    BOND,
    Node,
    Task,
    enslaved,
    info,
    is_a,
    kind,
    live_bond,
    live_vxlan,
    satisfied,
    to_dict,
)
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object

# Left untouched when a route is restored: the kernel makes them itself.
OWN_ROUTES = frozenset({"kernel"})
# Keys of `ip -json route` and the words of `ip route`.
ROUTE_WORDS = {"gateway": "via", "dev": "dev", "protocol": "proto", "prefsrc": "src", "metric": "metric"}


@dataclass
class Change:
    """What a transaction does: the files to write (None: to remove), the links it touches, the commands of `apply`."""

    files: dict[str, str | None] = field(default_factory=dict)
    links: set[str] = field(default_factory=set)
    created: set[str] = field(default_factory=set)
    reconfigured: set[str] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    rebuilt: set[str] = field(default_factory=set)
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)

    def forget(self, paths: list[str]) -> None:
        """Remove files, except those that another object of the same change writes."""
        for path in paths:
            self.files.setdefault(path, None)


def quote(*words: object) -> str:
    """One shell command."""
    return shlex.join(str(word) for word in words)


def handed_back(node: Node, name: str, task: Task) -> dict[str, str]:
    """The file that gives the addresses of a removed bridge or bond to its first port, from which they once came."""
    options = _networkd.options(node.files, name) or to_dict(node, name)
    if not options or not options["ports"] or not options["addresses"]:
        return {}
    port = options["ports"][0]
    if port in task.leaving and is_a(node, port) == "bond":
        port = next(iter((to_dict(node, port) or {"ports": []})["ports"]), port)
    if port not in node.links or port in task.leaving:
        return {}
    plain = {"name": port, "type": "interface", "ports": [], "vlan_aware": False, "mac": None, "vxlan": None}
    plain |= {"bond": None, "master": None}
    return _networkd.files(options | plain)


def removed(node: Node, change: Change, name: str, task: Task) -> None:
    """Add the removal of one object."""
    saved = _networkd.options(node.files, name)
    made = is_a(node, name) != "interface"
    ports = sorted({*enslaved(node, name), *_networkd.members(node.files, name)}) if made or saved else []
    change.forget(_networkd.owned(node.files, name))
    if made:
        change.files |= handed_back(node, name, task)
        change.deleted |= {port for port in ports if kind(node.links.get(port)) == "vxlan"}
        change.deleted.add(name)
    change.links |= {name, *ports}


def rebuilt_vxlan(node: Node, change: Change, wanted: Object) -> None:
    """Add what networkd does not do to an overlay that exists: a new id or address, a shorter flood list."""
    have, want = live_vxlan(node, wanted["name"]), wanted["vxlan"]
    if not have:
        return
    device = _networkd.vxlan_name(have)
    if want is None or any(have[key] != want[key] for key in ("id", "local", "port")):
        change.deleted.add(device)
        return
    for remote in set(have["remotes"]) - set(want["remotes"]):
        change.after.append(quote("bridge", "fdb", "delete", _networkd.FLOOD, "dev", device, "dst", remote, "self"))


def rebuilt_bond(node: Node, change: Change, wanted: Object) -> None:
    """Add the making anew of a bond that exists: the kernel changes neither mode nor LACP rate while it has ports."""
    live = {"bond": live_bond(node, wanted["name"])}
    if live["bond"] is None or satisfied("bond", live, wanted):
        return
    change.rebuilt.add(wanted["name"])
    change.before.append(quote("ip", "link", "delete", "dev", wanted["name"]))
    change.reconfigured |= {wanted["name"], *wanted["ports"]}


def present(node: Node, change: Change, wanted: Object) -> None:
    """Add the making or changing of one object."""
    name = wanted["name"]
    expected = _networkd.files(wanted)
    stale = [path for path in _networkd.owned(node.files, name) if path not in expected]
    dropped = sorted(set(_networkd.members(node.files, name)) - {*wanted["ports"]} - overlay(wanted))
    change.forget(stale)
    change.files |= {path: text for path, text in expected.items() if node.files.get(path) != text}
    change.links |= {name, *wanted["ports"], *dropped, *overlay(wanted)}
    if all(node.files.get(path) == text for path, text in expected.items()):
        # networkd's reload passes over links whose files are as they were.
        change.reconfigured |= {name, *wanted["ports"], *overlay(wanted)}
    change.links |= overlay(live) if (live := to_dict(node, name)) else set()
    rebuilt_vxlan(node, change, wanted)
    rebuilt_bond(node, change, wanted)
    link = node.links.get(name)
    if link is not None and bool(info(link).get("vlan_filtering")) != wanted["vlan_aware"]:
        value = int(wanted["vlan_aware"])
        change.before.append(quote("ip", "link", "set", "dev", name, "type", "bridge", "vlan_filtering", value))
    change.dropped |= {port for port in dropped if port in node.links}
    taken = [port for port in wanted["ports"] if node.links.get(port, {"master": name}).get("master") != name]
    change.before += [quote("ip", "address", "flush", "dev", port, "scope", "global") for port in taken]


def overlay(wanted: Object) -> set[str]:
    """The VXLAN device of an overlay."""
    return {_networkd.vxlan_name(wanted["vxlan"])} if wanted["vxlan"] else set()


def make(node: Node, items: list[Object], task: Task) -> Change:
    """One change for all objects (complete options) of a task that change."""
    change = Change()
    for wanted in sorted(items, key=lambda item: item["state"] == "present"):
        if wanted["state"] == "absent":
            removed(node, change, wanted["name"], task)
        else:
            present(node, change, wanted)
    change.created = {name for name in change.links if name not in node.links}
    # A port that changes its bridge has a file.
    loose = sorted(port for port in change.dropped if not change.files.get(_networkd.path(port, "network")))
    change.after += [quote("ip", "link", "set", "dev", port, "nomaster") for port in loose]
    for path, text in node.ifupdown.items():
        disabled = _ifupdown.disable(text, change.links)
        if disabled != text:
            change.files[path] = disabled
    return change


def apply_script(change: Change, clients: list[int], module: int) -> str:
    """The script that makes the change live. `module` is the process whose answer has to leave first.

    `clients` are the DHCP clients of ifupdown on its links. They are killed: asked to end, dhcpcd would take the
    address with it and rewrite resolv.conf.
    """
    lines = [f"for i in $(seq 100); do kill -0 {module} || break; sleep 0.05; done", "sleep 0.2"]
    lines += [f"kill -KILL {pid}" for pid in clients]
    lines += change.before
    known = change.links - change.created
    again = [f"  networkctl reconfigure {quote(name)}" for name in sorted(change.reconfigured & known - change.rebuilt)]
    lines += [
        *(["systemctl daemon-reload"] if _networkd.WAIT_ONLINE in change.files else []),
        "systemctl --quiet is-enabled systemd-networkd.service || systemctl --quiet enable systemd-networkd.service",
        "if systemctl --quiet is-active systemd-networkd.service; then",
        "  networkctl reload",
        *again,
        "else",
        "  systemctl start systemd-networkd.service",
        "fi",
        # Only now: what networkd has not forgotten yet, it would bring back.
        *(quote("ip", "link", "delete", name) for name in sorted(change.deleted) if name in known),
        *change.after,
        *(["networkctl reload"] if change.deleted else []),
    ]
    return "\n".join(["#!/bin/sh", "exec 2>&1", *lines, ""])


def address_line(name: str, entry: Object) -> str:
    """The line of `ip -batch` that brings an address back, with its lifetime."""
    words = ["address", "replace", f"{entry['local']}/{entry['prefixlen']}", "dev", name]
    if entry.get("broadcast"):
        words += ["broadcast", entry["broadcast"]]
    if entry.get("label") not in {None, name}:
        words += ["label", entry["label"]]
    if entry.get("dynamic"):
        words += ["valid_lft", entry["valid_life_time"], "preferred_lft", entry["preferred_life_time"]]
    if entry.get("noprefixroute"):
        words.append("noprefixroute")
    return " ".join(str(word) for word in words)


def route_line(entry: Object) -> str | None:
    """The line of `ip -batch` that brings a route back; None for those that the kernel makes."""
    if entry.get("protocol") in OWN_ROUTES or entry.get("type", "unicast") != "unicast":
        return None
    words = ["route", "replace", entry["dst"]]
    for key, word in ROUTE_WORDS.items():
        if entry.get(key) is not None:
            words += [word, entry[key]]
    if "gateway" not in entry and entry.get("scope"):
        words += ["scope", entry["scope"]]
    if "onlink" in entry.get("flags", []):
        words.append("onlink")
    if entry["dst"] == "default" and "gateway" not in entry:
        return None
    return " ".join(str(word) for word in words)


def bond_words(node: Node, name: str) -> str:
    """The options of a bond as `ip link` takes them, but its primary, which must be a port by then."""
    words = {"lacp_rate": "lacp_rate", "hash_policy": "xmit_hash_policy", "mode": "mode", "miimon": "miimon"}
    live = live_bond(node, name) or {}
    # The LACP rate of another mode is refused.
    given = {key: live.get(key) for key in BOND if key in words and (key != "lacp_rate" or live["mode"] == "802.3ad")}
    return " ".join(f"{words[key]} {value}" for key, value in given.items() if value is not None)


def made_lines(node: Node, change: Change, name: str) -> list[str]:
    """The lines that make a bridge or bond again as it was."""
    link, lines = node.links[name], []
    if name in change.rebuilt:
        lines.append(f"link delete dev {name}")
    if name in change.deleted and kind(link) == "bridge":
        lines.append(f"link add name {name} address {link['address']} type bridge forward_delay 0")
    if name in change.deleted | change.rebuilt and kind(link) == "bond":
        lines.append(f"link add name {name} address {link['address']} type bond {bond_words(node, name)}")
    if info(link).get("vlan_filtering"):
        lines.append(f"link set dev {name} type bridge vlan_filtering {info(link)['vlan_filtering']}")
    return lines


def live_batch(node: Node, change: Change) -> list[str]:
    """The lines of `ip -batch` that bring the links of a change back to what they were."""
    known = sorted(name for name in change.links if name in node.links)
    lines = [line for name in known for line in made_lines(node, change, name)]
    for name in known:
        link = node.links[name]
        master = f"master {link['master']}" if "master" in link else "nomaster"
        # A bond takes no port that is up.
        lines += [f"link set dev {name} down"] if is_a(node, link.get("master", "")) == "bond" else []
        lines.append(f"link set dev {name} {master}")
        lines.append(f"link set dev {name} mtu {link['mtu']}")
        lines.append(f"link set dev {name} {'up' if 'UP' in link['flags'] else 'down'}")
        lines.append(f"address flush dev {name} scope global")
    primaries = [
        (name, (live_bond(node, name) or {}).get("primary")) for name in sorted(change.rebuilt | change.deleted)
    ]
    lines += [f"link set dev {name} type bond primary {primary}" for name, primary in primaries if primary]
    for name in known:
        entries = node.links[name].get("addr_info", [])
        lines += [address_line(name, e) for e in entries if e.get("scope") not in {"link", "host"} and "local" in e]
    mine = [route_line(entry) for entry in node.routes if entry.get("dev") in known]
    # A gateway is reachable only once the routes to its network are there.
    return lines + sorted((line for line in mine if line), key=lambda line: " via " in line)


@dataclass(frozen=True)
class Saved:
    """What a rollback needs besides the links.

    `files` are copies of the files (path -> copy, None: there was no file), `sysctls` path -> value, `networkd`
    whether it was running.
    """

    directory: str
    files: dict[str, str | None]
    sysctls: dict[str, str]
    networkd: bool


def restore_live(node: Node, change: Change, saved: Saved) -> list[str]:
    """The commands that return the running network to what it had."""
    dhcp = [name for name in sorted(change.links) if _ifupdown.uses_dhcp(node.ifupdown, name)]
    stop = [
        "systemctl stop systemd-networkd.socket systemd-networkd.service",
        "systemctl --quiet disable systemd-networkd.service",
    ]
    again = [f"networkctl reconfigure {quote(name)}" for name in sorted(change.links - change.created)]
    return [
        "systemctl stop cairn-network-apply.service",
        "systemctl daemon-reload",
        *(["networkctl reload"] if saved.networkd else stop),
        *(quote("ip", "link", "delete", name) for name in sorted(change.created)),
        *(f"echo {quote(value)} >{quote(path)}" for path, value in saved.sysctls.items()),
        f"ip -force -batch {saved.directory}/pending/live",
        *(again if saved.networkd else []),
        # In a scope of its own: the client shall outlive this unit, without its lock.
        *(f"systemd-run --quiet --scope ifup --force {quote(name)} 9>&-" for name in dhcp),
    ]


def restore_script(node: Node, change: Change, saved: Saved) -> str:
    """The script that returns the node to what it had.

    With the argument `boot` it restores the files only, before the network comes up.
    """
    directory, pending = saved.directory, f"{saved.directory}/pending"
    files = [
        quote("cp", "-a", copy, path) if copy else quote("rm", "-f", path) for path, copy in sorted(saved.files.items())
    ]
    return "\n".join(
        [
            "#!/bin/sh",
            "# Returns the network of this node to what it had before an unconfirmed change. Written by cairn.hci.",
            "exec 2>&1 9>/run/cairn-network.lock",
            "flock 9",
            f"test -d {pending} || exit 0",
            *files,
            'if [ "${1:-}" != boot ]; then',
            *(f"  {line}" for line in restore_live(node, change, saved)),
            "fi",
            f"rm -rf {directory}/rolled-back",
            f"mv {pending} {directory}/rolled-back",
            "rm -f /etc/systemd/system/sysinit.target.wants/cairn-network-rollback-boot.service",
            "sync",
            'if [ "${1:-}" != boot ]; then systemctl stop --no-block cairn-network-rollback.timer; fi',
            "exit 0",
            "",
        ]
    )
