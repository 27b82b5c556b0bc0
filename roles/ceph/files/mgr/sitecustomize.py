# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets Ceph 18.2's manager load its modules with Python 3.13 without reporting each of them as crashed.

The manager asks each module for NOTIFY_TYPES, which most don't have, and goes on with Python's error still set
(PyModule::load_notify_types). Python 3.13 then refuses the next import, and the manager writes a crash report: 23 of
them at each start, until the cluster warns. No types at all is what a module without the attribute means.
"""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType


class _Finder(MetaPathFinder):
    """Completes the class that all modules of the manager derive from when it is imported."""

    def find_spec(self, fullname: str, path: object = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Find mgr_module as ever, and add to what it executes."""
        if fullname != "mgr_module":
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def complete(module: ModuleType) -> None:
            execute(module)
            if not hasattr(module.MgrModule, "NOTIFY_TYPES"):
                module.MgrModule.NOTIFY_TYPES = []

        vars(spec.loader)["exec_module"] = complete
        return spec


sys.meta_path.insert(0, _Finder())
