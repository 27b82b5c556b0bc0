"""What site.yml leaves on the nodes."""

from __future__ import annotations

from testinfra.host import Host

testinfra_hosts = ["ansible://nodes"]


def test_ceph_is_healthy_from_every_node(host: Host) -> None:
    assert host.check_output("ceph health") == "HEALTH_OK"


def test_libvirt_answers(host: Host) -> None:
    assert host.run("virsh --connect qemu:///system --readonly list").rc == 0
