"""OSDs on logical volumes are what the inventory says of each node, and outlive their disks."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from testinfra.host import Host

testinfra_hosts = ["ansible://nodes"]
ROOT = Path(__file__).resolve().parents[3]
INVENTORY = Path(os.environ.get("MOLECULE_SCENARIO_DIRECTORY", ROOT / "molecule/kernel")) / "hosts"


def volumes(host: Host) -> list[dict[str, Any]]:
    """The logical volumes of the node's OSDs, as ceph-volume lists them."""
    listed = json.loads(host.check_output("ceph-volume lvm list --format json"))
    return [volume for osd in listed.values() for volume in osd]


def of(host: Host, kind: str) -> list[dict[str, Any]]:
    """Those that hold the data (block) or the databases (db)."""
    return [volume for volume in volumes(host) if volume["type"] == kind]


def own(host: Host) -> dict[str, Any]:
    """The node's OSDs in the map of the cluster, by uuid."""
    dump = json.loads(host.check_output("ceph osd dump --format json"))
    return {osd["uuid"]: osd for osd in dump["osds"]}


def variable(host: Host, name: str, default: Any) -> Any:
    """A variable of the node in the inventory."""
    return host.ansible.get_variables().get(name, default)


def test_osds_are_on_logical_volumes_and_up(host: Host) -> None:
    known = own(host)
    blocks = of(host, "block")
    assert blocks
    assert all(known[volume["tags"]["ceph.osd_fsid"]]["up"] for volume in blocks)


def test_osds_are_encrypted_where_the_inventory_says_so(host: Host) -> None:
    encrypted = variable(host, "ceph_osd_encrypted", False)
    for volume in of(host, "block") + of(host, "db"):
        assert (volume["tags"]["ceph.encrypted"] == "1") == encrypted
        kind = host.check_output("blkid --probe --output value --match-tag TYPE %s", volume["lv_path"]).strip()
        # Without encryption the label of bluestore is there to read.
        assert kind == ("crypto_LUKS" if encrypted else "ceph_bluestore")


def test_each_osd_has_its_database_where_the_inventory_says(host: Host) -> None:
    blocks, databases = of(host, "block"), of(host, "db")
    if variable(host, "ceph_osd_db_devices", []):
        assert len(databases) == len(blocks)
        data = {disk for volume in blocks for disk in volume["devices"]}
        assert data.isdisjoint({disk for volume in databases for disk in volume["devices"]})
        for osd in {volume["tags"]["ceph.osd_id"] for volume in blocks}:
            assert host.file(f"/var/lib/ceph/osd/ceph-{osd}/block.db").is_symlink
    else:
        assert databases == []


def test_each_disk_has_as_many_osds_as_the_inventory_says(host: Host) -> None:
    disks = [volume["devices"][0] for volume in of(host, "block")]
    assert {disks.count(disk) for disk in disks} == {variable(host, "ceph_osds_per_device", 1)}


def test_a_disk_is_replaced_and_its_osd_keeps_its_id(host: Host) -> None:
    before = of(host, "block")
    disk = before[0]["devices"][0]
    ids = sorted(volume["tags"]["ceph.osd_id"] for volume in before if volume["devices"][0] == disk)
    command = ["ansible-playbook", "-i", str(INVENTORY), "playbooks/replace_disk.yml"]
    # The same disk, emptied, stands for a new one.
    command += ["-e", f"osd={','.join(ids)}", "-e", f"device={disk}", "-e", "wipe=true"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
    after = [volume for volume in of(host, "block") if volume["devices"][0] == disk]
    assert sorted(volume["tags"]["ceph.osd_id"] for volume in after) == ids
    old = {volume["tags"]["ceph.osd_fsid"] for volume in before}
    assert old.isdisjoint({volume["tags"]["ceph.osd_fsid"] for volume in after})
    test_osds_are_encrypted_where_the_inventory_says_so(host)
    test_each_osd_has_its_database_where_the_inventory_says(host)
