# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of ifupdown, from which systemd-networkd takes links over. Pure: no I/O. Format: interfaces(5).

Private to the collection.
"""

from __future__ import annotations

MARK = "#cairn.hci# "
STARTS = ("auto", "iface", "mapping", "source", "source-directory", "no-auto-down", "no-scripts", "rename", "template")


def starts(word: str) -> bool:
    """Whether a word begins a new stanza."""
    return word in STARTS or word.startswith("allow-")


def lists(word: str) -> bool:
    """Whether the stanza is one line of interface names."""
    return word in {"auto", "no-auto-down", "no-scripts"} or word.startswith("allow-")


def physical(name: str) -> str:
    """The link of a stanza: `eno1:0` is an alias of `eno1`."""
    return name.partition(":")[0]


def options(texts: dict[str, str], name: str) -> list[tuple[str, str]]:
    """The option lines of all `iface` stanzas of a link, with (`method`, `inet dhcp`) for each stanza."""
    found: list[tuple[str, str]] = []
    for text in texts.values():
        inside = False
        for line in text.replace("\\\n", " ").splitlines():
            word, _space, rest = line.strip().partition(" ")
            if not word or word.startswith("#"):
                continue
            if starts(word):
                fields = rest.split()
                inside = word == "iface" and bool(fields) and physical(fields[0]) == name
                if inside:
                    found.append(("method", " ".join(fields[1:])))
            elif inside:
                found.append((word, rest.strip()))
    return found


def uses_dhcp(texts: dict[str, str], name: str) -> bool:
    """Whether ifupdown runs a DHCP client on the link."""
    return ("method", "inet dhcp") in options(texts, name)


def name_servers(texts: dict[str, str], name: str) -> list[str]:
    """What the stanzas name for resolvconf."""
    keys = ("dns-nameservers", "dns-nameserver")
    return [ip for key, value in options(texts, name) if key in keys for ip in value.split()]


def without(line: str, names: set[str]) -> list[str]:
    """A line of names without some of them: the original as a comment, then what is left of it."""
    word, *fields = line.split()
    left = [field for field in fields if physical(field) not in names]
    if len(left) == len(fields):
        return [line]
    return [MARK + line, *([" ".join([word, *left])] if left else [])]


def disable(text: str, names: set[str]) -> str:
    """The text with all stanzas of `names` made comments; removing the mark brings them back."""
    result: list[str] = []
    inside = continued = False
    for line in text.splitlines():
        word = line.split()[0] if line.split() else ""
        if not continued and starts(word):
            fields = line.split()[1:]
            inside = word == "iface" and bool(fields) and physical(fields[0]) in names
        active = bool(word) and (continued or not word.startswith("#"))
        if inside and active:
            result.append(MARK + line)
        elif not continued and lists(word):
            result += without(line, names)
        else:
            result.append(line)
        continued = active and line.endswith("\\")
    return "".join(f"{line}\n" for line in result)
