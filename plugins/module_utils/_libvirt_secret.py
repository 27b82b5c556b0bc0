# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secrets of libvirt that hold keys of Ceph clients.

Private to the collection.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from xml.etree import ElementTree

from ansible_collections.cairn.hci.plugins.module_utils._libvirt import LibvirtResource
from ansible_collections.cairn.hci.plugins.module_utils._resource import Change, Object, ResourceError


def secret_xml(wanted: Object) -> str:
    """The definition of a secret (https://libvirt.org/formatsecret.html), kept over reboots and readable by root."""
    root = ElementTree.Element("secret", {"ephemeral": "no", "private": "no"})
    ElementTree.SubElement(root, "uuid").text = wanted["uuid"]
    usage = ElementTree.SubElement(root, "usage", {"type": "ceph"})
    ElementTree.SubElement(usage, "name").text = wanted["usage"]
    return ElementTree.tostring(root, encoding="unicode")


def fingerprint(value: bytes) -> str:
    """What stands for a value in plans and diffs."""
    return hashlib.sha256(value).hexdigest()


def decode(wanted: Object) -> bytes:
    """The bytes of a key that Ceph shows in base64."""
    try:
        return base64.b64decode(wanted["value"], validate=True)
    except ValueError as error:
        raise ResourceError(f"Secret {wanted['usage']}: the value is not base64, as Ceph shows keys.") from error


class LibvirtSecret(LibvirtResource):
    """Secrets of usage `ceph`."""

    plural = "secrets"
    key = "uuid"

    def read(self, wanted: list[Object] | None) -> dict[str, Object]:
        """Return all secrets of usage ceph; there are few."""
        found = {}
        for secret in self.connection.listAllSecrets():
            if secret.usageType() == self.libvirt.VIR_SECRET_USAGE_TYPE_CEPH:
                uuid = secret.UUIDString()
                found[uuid] = {"uuid": uuid, "usage": secret.usageID()} | self.value(secret)
        return found

    def value(self, secret: Any) -> Object:
        """The fingerprint of a secret's value; nothing when it was defined and its value not yet set."""
        try:
            return {"sha256": fingerprint(secret.value())}
        except self.libvirt.libvirtError as error:
            if error.get_error_code() == self.libvirt.VIR_ERR_NO_SECRET:
                return {}
            raise

    def plan(self, current: Object | None, wanted: Object) -> list[Change]:
        """Compare usage and value; the value itself never enters the plan."""
        shown = {field: wanted[field] for field in ("uuid", "usage", "state")}
        if wanted["state"] == "present" and not (wanted["usage"] and wanted["value"]):
            raise ResourceError(f"Secret {wanted['uuid']}: give usage and value.")
        return super().plan(current, shown | ({"sha256": fingerprint(decode(wanted))} if wanted["value"] else {}))

    def apply(self, current: Object | None, wanted: Object, changes: list[Change]) -> None:
        """Define the secret and set its value, or remove it."""
        if wanted["state"] == "absent":
            self.connection.secretLookupByUUIDString(wanted["uuid"]).undefine()
            return
        if current and current["usage"] != wanted["usage"]:
            self.connection.secretLookupByUUIDString(wanted["uuid"]).undefine()
        self.connection.secretDefineXML(secret_xml(wanted), 0).setValue(decode(wanted), 0)
