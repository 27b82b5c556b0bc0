# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller knows: the hosts' variables, inventory files, images and SSH keys.

Private to the collection.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible_collections.cairn.hci.plugins.module_utils import _addresses
from ansible_collections.cairn.hci.plugins.module_utils._image_file import HEAD, inspect
from ansible_collections.cairn.hci.plugins.module_utils._inventory import Inventory, Machine
from ansible_collections.cairn.hci.plugins.module_utils._networks import addresses
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, ResourceError
from ansible_collections.cairn.hci.plugins.module_utils._schema import PREFIXES, Problems, Schema
from ansible_collections.cairn.hci.plugins.modules import ceph_key, ceph_pool

ROLES = Path(__file__).resolve().parents[2] / "roles"
SHA256 = re.compile(r"sha256:([0-9a-f]{64})", re.IGNORECASE)


def schema(loader: DataLoader) -> Schema:
    """The argument specs of all roles of the collection, and of the modules that some variables are handed to."""
    found = Schema(loader.load_from_file(str(path)) for path in sorted(ROLES.glob("*/meta/argument_specs.yml")))
    found.named |= {
        variable: {name: option | {"default": None} for name, option in module.OPTIONS.items() if name != "name"}
        for variable, module in (("ceph_pools", ceph_pool), ("ceph_keys", ceph_key))
    }
    return found


def plain(value: Any) -> Any:
    """A templated value without Ansible's own types, which neither compare nor serialise as what they hold."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


def variables(host: str, found: Mapping[str, Any], problems: Problems) -> Object:
    """Our variables of one host, and how it is reached, each templated as the host sees it."""
    values = {}
    for name in found:
        if name.startswith(PREFIXES) or name in ("ansible_host", "ansible_user"):
            try:
                values[name] = plain(found[name])
            except AnsibleError as error:
                problems.add(host, f"{name} can't be templated: {' '.join(str(error).split())}.")
    return values


def machines(
    names: Iterable[str], hostvars: Mapping[str, Any], known: Schema, problems: Problems
) -> dict[str, Machine]:
    """The hosts of a group, with checked variables."""
    found = {}
    for place, name in enumerate(names, 1):
        own = hostvars[name]
        values = variables(name, own, problems)
        known.check_names(name, own, problems)
        reached = str(values.pop("ansible_host", None) or name)
        user = values.pop("ansible_user", None)
        given = frozenset(variable for variable, value in values.items() if value is not None)
        found[name] = Machine(
            name, place, known.check(name, values, problems), reached, _addresses.address(reached), user, given
        )
    return found


def resolve(node: Machine) -> None:
    """Find which of a node's addresses its name means."""
    if node.address is None and node.facts:
        own = {one.partition("/")[0] for one in addresses(node)}
        try:
            answers = [str(answer[4][0]) for answer in socket.getaddrinfo(node.reached, None)]
        except OSError:
            answers = []
        node.address = next((_addresses.address(one) for one in answers if one in own), None)


def twice(files: Iterable[str]) -> Iterator[str]:
    """The hosts that an inventory file has twice in one place; Ansible would silently take the second."""
    for name in sorted(set(files)):
        try:
            text = Path(name).read_text(encoding="utf-8")
            root = None if text.startswith("#!") else yaml.compose(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            continue
        yield from _twice(name, root, "")


def _twice(file: str, node: Any, parent: str) -> Iterator[str]:
    """Look for keys that are written twice, in depth."""
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if key.value in lines and key.value != "<<":
            where = f"under {parent}" if parent else "at the top"
            yield (
                f"{file}: {key.value} is there twice {where} (lines {lines[key.value]} and {line}); "
                "rename or remove one."
            )
        lines[key.value] = line
        yield from _twice(file, value, key.value)


def ssh_keys() -> list[str]:
    """The public keys of the user who runs Ansible."""
    files = sorted((Path.home() / ".ssh").glob("id_*.pub"))
    return [file.read_text(encoding="utf-8").strip() for file in files]


def images(hosts: Iterable[Machine], problems: Problems) -> dict[str, Object]:
    """All images that the inventory names, with the SHA-256 where that is written."""
    found: dict[str, Object] = {}
    for host in hosts:
        for name, image in (host.get("vm_images") or {}).items():
            entry = {"sha256": None, "size": None, **image}
            other = found.setdefault(name, entry)
            if {key: other[key] for key in image} != image:
                problems.add(
                    host.name, f"vm_images.{name} is not the same for all hosts; set it once, for the group all."
                )
    for name, image in found.items():
        for sentence in _written(f"vm_images.{name}", image):
            problems.add("", sentence)
    return found


def _written(where: str, image: Object) -> Iterator[str]:
    """Check what is written about an image; note its checksum."""
    checksum = image["checksum"]
    if checksum:
        match = SHA256.fullmatch(checksum)
        image["sha256"] = match[1].lower() if match else None
        if not match:
            yield f"{where}.checksum: {checksum!r} is no checksum; write sha256: and 64 hexadecimal digits."
    if bool(image["url"]) == bool(image["path"]):
        yield f"{where}: give either url or path."
    elif image["url"] and not image["url"].startswith(("http://", "https://")):
        yield f"{where}.url: {image['url']!r} does not begin with http:// or https://; use path for a file."
    elif image["url"] and not checksum:
        yield f"{where}: a url needs a checksum; write checksum: sha256:... from the page that offers the image."
    elif image["path"]:
        image["path"] = os.path.realpath(os.path.expanduser(image["path"]))
        if not os.path.isfile(image["path"]):
            yield f"{where}.path: there is no file {image['path']} on the controller; correct it."


def examine(name: str, image: Object) -> None:
    """Read an image of the controller: what it is, its size and its SHA-256. Raise ResourceError for a wrong one."""
    where = f"vm_images.{name}"
    try:
        with open(image["path"], "rb") as file:
            length = os.fstat(file.fileno()).st_size
            image["format"], image["size"] = inspect(file.read(HEAD), length, image["format"] or "auto")
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except ResourceError as error:
        raise ResourceError(f"{where}.path: {image['path']} {error}.") from None
    except OSError as error:
        raise ResourceError(f"{where}.path: {image['path']} can't be read ({error.strerror}).") from error
    if image["sha256"] not in (None, digest):
        raise ResourceError(
            f"{where}.checksum: {image['path']} has sha256:{digest}, not {image['checksum']}; fetch the image again or "
            "correct the checksum."
        )
    image["sha256"] = digest


def answer(node: Machine, result: Mapping[str, Any] | None) -> str | None:
    """Give a node the facts of a node_info result; return the reason when there are none."""
    if result and "node" in result:
        node.facts = plain(result["node"])
        resolve(node)
        return None
    details = result or {}
    return str(details.get("msg") or details.get("module_stderr") or "it was not asked")


def files(inventory: Inventory, hostvars: Mapping[str, Any]) -> set[str]:
    """The files that the hosts come from."""
    names = (*inventory.nodes, *inventory.vms)
    found = {hostvars[name].get("inventory_file") for name in names}
    return {str(file) for file in found if file}
