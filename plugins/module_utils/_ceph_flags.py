# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ceph shall leave alone for a while: flags of all OSDs, or of those of one node.

Private to the collection.
"""

from __future__ import annotations

from ansible_collections.cairn.hci.plugins.module_utils._ceph import CephResource
from ansible_collections.cairn.hci.plugins.module_utils._resource import Change, Object, ResourceError

# Those that `osd set-group` takes (Ceph's src/mon/OSDMonitor.cc).
OF_NODES = {"noup", "nodown", "noin", "noout"}


def flags(dump: Object) -> dict[str, Object]:
    """The flags in the answer to `osd dump`, those of a node as `noout@node1`."""
    # It also has names of its own there, such as sortbitwise; they do no harm.
    found = {name: {"name": name, "node": None} for name in dump["flags_set"]}
    for node, names in dump["crush_node_flags"].items():
        found |= {f"{name}@{node}": {"name": name, "node": node} for name in names}
    return found


class CephFlags(CephResource):
    """A flag is there or not."""

    plural = "flags"

    def identity(self, item: Object) -> str:
        """A flag may be set for all OSDs and for those of nodes."""
        return f"{item['name']}@{item['node']}" if item.get("node") else str(item["name"])

    def read(self, wanted: list[Object] | None) -> dict[str, Object]:
        """Return the flags that are set."""
        found = flags(self.cluster.command({"prefix": "osd dump"}))
        if wanted is None:
            return found
        names = {item["name"] for item in wanted}
        return {identity: flag for identity, flag in found.items() if flag["name"] in names}

    def normalise(self, wanted: Object, current: Object | None) -> Object:
        """Raise ResourceError for a flag that nodes can't have."""
        if wanted["node"] and wanted["name"] not in OF_NODES:
            raise ResourceError(f"{wanted['name']} is no flag of one node; it is set for all, without node.")
        return wanted

    def apply(self, current: Object | None, wanted: Object, changes: list[Change]) -> None:
        """Set or unset."""
        verb = "unset" if wanted["state"] == "absent" else "set"
        if wanted["node"]:
            self.cluster.command({"prefix": f"osd {verb}-group", "flags": wanted["name"], "who": [wanted["node"]]})
        else:
            self.cluster.command({"prefix": f"osd {verb}", "key": wanted["name"]})
