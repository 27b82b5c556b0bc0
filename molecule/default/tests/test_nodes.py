"""What site.yml leaves on the nodes."""

from __future__ import annotations

import json

from testinfra.host import Host

testinfra_hosts = ["ansible://nodes"]


def test_ceph_is_healthy_from_every_node(host: Host) -> None:
    checks = json.loads(host.check_output("ceph health --format json"))["checks"]
    # It warns of slow heartbeats for a quarter of an hour after they were slow, as when a node was killed.
    assert [check for check in checks if "SLOW_PING" not in check] == []


def test_libvirt_answers(host: Host) -> None:
    assert host.run("virsh --connect qemu:///system --readonly list").rc == 0
