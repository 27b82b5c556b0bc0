# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks variables against the roles' argument specs, and says what is wrong in a sentence each. Pure.

Private to the collection.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import Any

from ansible.module_utils.common.text.converters import to_text
from ansible.module_utils.common.validation import check_type_bool, check_type_float, check_type_int
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, ResourceError
from ansible_collections.cairn.hci.plugins.module_utils._units import parse_size

PREFIXES = ("base_", "network_", "ceph_", "libvirt_", "vm_", "ha_", "preflight_", "verify_")
SIZES = {
    "vm_memory",
    "vm_memory_max",
    "size",
    "bandwidth",
    "size_min",
    "size_max",
    "ceph_osd_memory",
    "ceph_osd_db_size",
    "libvirt_reserved_memory",
}
LIMITS: dict[str, tuple[float, float]] = {
    "vm_vcpus": (1, 4096),
    "vm_vcpus_max": (1, 4096),
    "vm_shutdown_timeout": (1, 86400),
    "ceph_osds_per_device": (1, 32),
    "vlan": (1, 4094),
    "mtu": (576, 65535),
    "queues": (1, 256),
    "iops": (1, 2**31),
    "boot_order": (1, 1000),
    "miimon": (10, 10000),
    "vni": (1, 2**24 - 1),
    "libvirt_cpu_overcommit": (0.1, 1000),
    "network_rollback_timeout": (20, 3600),
    "ha_watchdog_timeout": (2, 300),
    "ha_token": (300, 60000),
    "ha_members_max": (3, 32),
    "ha_migrations": (1, 100),
    "ha_node_id": (1, 2**31 - 1),
    "port": (1, 65535),
    "vm_priority": (-99999, 99999),
}
ALIKE = 0.6  # of two names, by difflib's measure
SLIP = 0.88
NAMES = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list; write it in brackets, as [this, that]",
    "dict": "a dictionary; write it in braces, as {name: value}",
    "str": "a text",
    "path": "a text",
}


class Problems:
    """What is wrong; the same sentence about several hosts is one sentence."""

    def __init__(self) -> None:
        """Begin without any."""
        self._hosts: dict[str, list[str]] = {}

    def add(self, host: str, text: str) -> None:
        """Note that `text` holds of `host`; an empty host for what concerns the whole cluster."""
        hosts = self._hosts.setdefault(text, [])
        if host and host not in hosts:
            hosts.append(host)

    def take(self, other: Problems) -> None:
        """Note all that `other` has, too."""
        for text, hosts in other._hosts.items():
            for host in hosts or [""]:
                self.add(host, text)

    def hosts(self) -> set[str]:
        """The hosts of which something is wrong."""
        return {host for hosts in self._hosts.values() for host in hosts}

    def mentions(self, text: str) -> bool:
        """Whether something was said of what `text` names."""
        return any(sentence.startswith((f"{text}.", f"{text}:")) for sentence in self._hosts)

    def __bool__(self) -> bool:
        """Whether anything is wrong."""
        return bool(self._hosts)

    def sentences(self) -> list[str]:
        """All of it, as shown to the user."""
        return [f"{some(hosts)}: {text}" if hosts else text for text, hosts in self._hosts.items()]


def some(names: Iterable[str], most: int = 4) -> str:
    """The names, or the first of them and how many more."""
    listed = list(names)
    rest = len(listed) - most
    return ", ".join(listed) if rest <= 1 else f"{', '.join(listed[:most])} and {rest} more"


def nearest(name: str, known: Iterable[str]) -> str:
    """What to do about an unknown name: the nearest known one, or all of them where they are few."""
    choices = sorted(known)
    ratios = [difflib.SequenceMatcher(None, name, choice).ratio() for choice in choices]
    if max(ratios, default=0) >= ALIKE:
        return f"did you mean {choices[ratios.index(max(ratios))]}?"
    return f"known are {', '.join(choices)}." if 0 < len(choices) <= 12 else "remove it."


Report = Callable[[str], None]


def _scalar(spec: Object, value: Any) -> Any:
    """`value` in the option's type. Raise TypeError when it is not of it."""
    kind = spec.get("type", "str")
    if kind in ("list", "dict"):
        if not isinstance(value, list if kind == "list" else dict):
            raise TypeError
        return value
    if kind == "raw":
        return value
    if isinstance(value, (list, dict)) or (kind in ("int", "float") and isinstance(value, bool)):
        raise TypeError
    convert = {"int": check_type_int, "float": check_type_float, "bool": check_type_bool}.get(kind, to_text)
    return convert(value)


def secret(spec: Object) -> bool:
    """Whether an option, or one within it, must not be shown."""
    return bool(spec.get("no_log") or any(inner.get("no_log") for inner in (spec.get("options") or {}).values()))


def check_value(name: str, path: str, spec: Object, value: Any, report: Report) -> Any:
    """Return `value` in the type of its option, with the defaults of what is in it."""
    if value is None:
        return spec.get("default")
    try:
        value = _scalar(spec, value)
    except (TypeError, ValueError):
        shown = "" if secret(spec) else f" {value!r}, which is"
        report(f"{path} is{shown} not {NAMES.get(spec['type'], spec['type'])}.")
        return spec.get("default")
    if spec.get("choices") and value not in spec["choices"]:
        report(f"{path} is {value!r}; choose one of {', '.join(map(str, spec['choices']))}.")
    if name in SIZES and spec.get("type", "str") == "str":
        _size(path, value, report)
    if name in LIMITS and isinstance(value, (int, float)) and not LIMITS[name][0] <= value <= LIMITS[name][1]:
        report(f"{path} is {value}; it must be from {LIMITS[name][0]} to {LIMITS[name][1]}.")
    if isinstance(value, list):
        inner = {"type": spec.get("elements", "raw"), "options": spec.get("options")}
        return [check_value("", f"{path}[{n}]", inner, item, report) for n, item in enumerate(value)]
    if isinstance(value, dict) and spec.get("options"):
        return check_options(f"{path}.", spec["options"], value, report)
    return value


def _size(path: str, value: str, report: Report) -> None:
    try:
        parse_size(value, path)
    except ResourceError as error:
        report(str(error))


def check_options(prefix: str, options: Object, values: Object, report: Report) -> Object:
    """Check a dictionary with fixed keys, and return it with the defaults."""
    for key in sorted(map(str, values.keys() - options.keys())):
        report(f"{prefix}{key} is unknown; {nearest(key, options)}")
    for key, spec in options.items():
        if spec.get("required") and values.get(key) is None:
            report(f"{prefix}{key} is missing.")
    return {key: check_value(key, f"{prefix}{key}", spec, values.get(key), report) for key, spec in options.items()}


def check_named(variable: str, options: Object, values: Object, report: Report) -> Object:
    """Check a dictionary whose keys are free names, such as network_bridges."""
    checked = {}
    for key, value in values.items():
        if value is not None and not isinstance(value, dict):
            report(f"{variable}.{key} is {value!r}, which is not {NAMES['dict']}.")
            continue
        checked[str(key)] = check_options(f"{variable}.{key}.", options, value or {}, report)
    return checked


class Schema:
    """The variables of all roles."""

    def __init__(self, specs: Iterable[Object]) -> None:
        """Take the `argument_specs` of every role: its entry point main, and one per dictionary of named things."""
        self.options: Object = {}
        self.named: Object = {}
        self._meant: dict[str, str | None] = {}
        for spec in specs:
            entries = spec["argument_specs"]
            self.options |= entries["main"].get("options") or {}
            self.named |= {name: entry.get("options") or {} for name, entry in entries.items() if name != "main"}

    def remedy(self, name: str) -> str:
        """What to do about an unknown variable: the nearest with its prefix."""
        prefix = name.partition("_")[0] + "_"
        return nearest(name, [option for option in self.options if option.startswith(prefix)] or self.options)

    def meant(self, name: str) -> str | None:
        """The variable that a name without any of our prefixes is a slip of the pen for; found out once."""
        if name not in self._meant:
            self._meant[name] = self._find_meant(name)
        return self._meant[name]

    def _find_meant(self, name: str) -> str | None:
        """Compare a name with all variables."""
        if name.startswith((*PREFIXES, "ansible_", "_")):
            return None
        matcher = difflib.SequenceMatcher(None, b=name)
        for option in self.options:
            matcher.set_seq1(option)
            if matcher.quick_ratio() >= SLIP and matcher.ratio() >= SLIP:
                return option
        return None

    def check_names(self, host: str, names: Iterable[str], problems: Problems) -> None:
        """Note the names of a host's variables that were meant to be ours."""
        for name in names:
            if option := self.meant(name):
                problems.add(host, f"{name} is unknown; did you mean {option}? Rename it if it is your own.")

    def check(self, host: str, values: Object, problems: Problems) -> Object:
        """Return one host's variables with types and defaults; note what is wrong with them."""

        def report(text: str) -> None:
            problems.add(host, text)

        for name in sorted(values.keys() - self.options.keys()):
            if name.startswith(PREFIXES):
                report(f"{name} is unknown; {self.remedy(name)}")
        checked = {name: check_value(name, name, spec, values.get(name), report) for name, spec in self.options.items()}
        for name, options in self.named.items():
            if isinstance(checked.get(name), dict):
                checked[name] = check_named(name, options, checked[name], report)
        return checked
