# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that turn the plan of high availability into what modules take."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from xml.etree import ElementTree as ET

from ansible_collections.cairn.hci.plugins.module_utils._cib import name_of
from ansible_collections.cairn.hci.plugins.module_utils._ha_cib import cluster_elements
from ansible_collections.cairn.hci.plugins.module_utils._ha_plan import PASSWORD_SCRIPT
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object


def cib_elements(ha: Object) -> list[Object]:
    """The cluster's own elements of the CIB, as the module cib takes them."""
    return [
        {
            "name": name_of(section, element),
            "section": section,
            "xml": ET.tostring(element, "unicode"),
        }
        for section, element in cluster_elements(ha)
    ]


def password_files(hostvars: Mapping[str, Object], nodes: Iterable[str]) -> list[Object]:
    """A program for each BMC that prints its password, as the module config_file takes it: fence agents run it."""
    found = []
    for node in nodes:
        password = (hostvars[node].get("ha_bmc") or {}).get("password")
        if password is not None:
            text = f"#!/bin/sh\nprintf '%s\\n' {shlex.quote(str(password))}\n"
            found.append({"path": PASSWORD_SCRIPT.format(node=node), "secret": text, "mode": "0700"})
    return found


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"cib_elements": cib_elements, "password_files": password_files}
