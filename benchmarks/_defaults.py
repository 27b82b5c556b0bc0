"""The lab as its parts' defaults make it: what the failover benchmark compares with.

Corosync and Pacemaker with their defaults, BMCs as the only fence, ocf:heartbeat:VirtualDomain with a domain's XML in a
file on every node. The cluster below it is site.yml's, without ha, and with Ceph's own timing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from xml.etree import ElementTree

from cluster import Cluster, Failure, wait

PACKAGES = "corosync pacemaker pacemaker-cli-utils resource-agents fence-agents-ipmilan"
INSTALL = f"DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends {PACKAGES}"
START = "systemctl enable -q corosync pacemaker && systemctl restart corosync && systemctl restart pacemaker"
DIRECTORY = "/etc/baseline"
# What decides how soon Ceph notices a loss.
TIMING = r"mon_(lease|election|tick|client|osd_report|osd_adjust)|osd_heartbeat|rados_|ms_"
CLUSTER_SECONDS = 300.0


def corosync_conf(addresses: dict[str, list[str]]) -> str:
    """corosync.conf with nothing but the nodes."""
    nodes = "".join(
        f"  node {{\n    name: {name}\n    nodeid: {number}\n"
        + "".join(f"    ring{link}_addr: {address}\n" for link, address in enumerate(links))
        + "  }\n"
        for number, (name, links) in enumerate(addresses.items(), 1)
    )
    return (
        "totem {\n  version: 2\n  cluster_name: baseline\n  transport: knet\n}\nquorum {\n"
        f"  provider: corosync_votequorum\n}}\nlogging {{\n  to_syslog: yes\n}}\nnodelist {{\n{nodes}}}\n"
    )


def primitive(name: str, kind: str, parameters: dict[str, str], operations: dict[str, tuple[str, str]]) -> str:
    """A resource of the CIB; the operations' values are interval and timeout."""
    standard, _, agent = kind.rpartition(":")
    group, _, provider = standard.partition(":")
    top = ElementTree.Element("primitive", {"id": name, "class": group, "type": agent})
    if provider:
        top.set("provider", provider)
    attributes = ElementTree.SubElement(top, "instance_attributes", id=f"{name}-attributes")
    for key, value in parameters.items():
        ElementTree.SubElement(attributes, "nvpair", id=f"{name}-{key}", name=key, value=value)
    steps = ElementTree.SubElement(top, "operations")
    for key, (interval, timeout) in operations.items():
        ElementTree.SubElement(steps, "op", id=f"{name}-{key}", name=key, interval=interval, timeout=timeout)
    return ElementTree.tostring(top, encoding="unicode")


def resources(fences: dict[str, dict[str, str]], guests: Iterable[str]) -> str:
    """The section of the CIB with a fence for each node and a VirtualDomain for each guest."""
    parts = [
        primitive(f"fence-{name}", "stonith:fence_ipmilan", {"pcmk_host_list": name} | bmc, {"monitor": ("60s", "20s")})
        for name, bmc in fences.items()
    ]
    parts += [
        primitive(
            guest,
            "ocf:heartbeat:VirtualDomain",
            {"config": f"{DIRECTORY}/{guest}.xml", "hypervisor": "qemu:///system"},
            {"start": ("0s", "90s"), "stop": ("0s", "90s"), "monitor": ("10s", "30s")},
        )
        for guest in guests
    ]
    return f"<resources>{''.join(parts)}</resources>"


def on_all(cluster: Cluster, command: str, stdin: str = "") -> None:
    """Run a command on all nodes."""
    for name in cluster.nodes:
        done = cluster.on(name, command, stdin=stdin.encode(), seconds=CLUSTER_SECONDS)
        if done.returncode:
            raise Failure(f"{name}: {command[:60]} failed: {done.stderr.decode().strip()[-500:]}")


def own_timing(cluster: Cluster) -> None:
    """Ceph's own timing: what the cluster's configuration says of it goes."""
    for option in json.loads(cluster.ask("ceph config dump -f json")):
        if re.match(TIMING, option["name"]):
            cluster.ask(f"ceph config rm {option['section']} {option['name']}")
    on_all(cluster, "systemctl restart ceph.target")


def distribute(cluster: Cluster) -> None:
    """Domains become files on every node, and transient where they run, so that Pacemaker alone starts them."""
    on_all(cluster, f"mkdir -p {DIRECTORY} && {INSTALL} && systemctl disable -q --now cairn-guests")
    for guest, where in cluster.places().items():
        for name in where:
            xml = cluster.on(name, f"virsh dumpxml --inactive {guest}").stdout.decode()
            on_all(cluster, f"cat > {DIRECTORY}/{guest}.xml", xml)
            cluster.on(name, f"virsh undefine {guest} --nvram")


def install(cluster: Cluster) -> None:
    """Make the baseline of a lab that site.yml made with ha_enabled=false."""
    own_timing(cluster)
    distribute(cluster)
    links: dict[str, list[str]] = {name: [] for name in cluster.nodes}
    for address, name in cluster.addresses.items():
        if address != "127.0.0.1":
            links[name].append(address)
    on_all(cluster, "cat > /etc/corosync/corosync.conf", corosync_conf(links))
    on_all(cluster, START)
    cluster.pacemaker = True
    wait(cluster.ill, CLUSTER_SECONDS)
    # As pcs sets it in a new cluster; else guests are stopped again to go home when their node is back.
    cluster.ask("crm_attribute --type rsc_defaults --name resource-stickiness --update 1")
    gateway = str(cluster.lab.gateway)
    fences = {
        name: {
            "ip": gateway,
            "ipport": str(node.bmc.port),
            "username": node.bmc.user,
            "password": node.bmc.password,
            "lanplus": "1",
            "cipher": "3",
        }
        for name, node in cluster.nodes.items()
    }
    first = next(iter(cluster.nodes))
    done = cluster.on(
        first, "cibadmin --replace --scope resources --xml-pipe", stdin=resources(fences, cluster.guests).encode()
    )
    if done.returncode:
        raise Failure(f"the baseline's resources are refused: {done.stderr.decode().strip()[-500:]}")
    wait(cluster.ill, CLUSTER_SECONDS)
