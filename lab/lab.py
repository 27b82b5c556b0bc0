"""A lab of servers on this machine, made from an inventory: ``lab.py up``, then run the playbooks against it.

See README.md in this directory.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import guest_image
import host
import network
import plan as planning
from container import ContainerDriver
from driver import Driver
from plan import MANAGEMENT, STORAGE, LabError, Node, Plan
from qemu import QemuDriver

DRIVERS: dict[str, type[Driver]] = {"container": ContainerDriver, "qemu": QemuDriver}


class Lab:
    """One inventory's lab: its plan, its directory and the driver that runs its nodes."""

    def __init__(self, inventory: Path) -> None:
        self.inventory = inventory.resolve()
        disks = int(os.environ.get("LAB_OSDS", "1"))
        name = os.environ.get("LAB_NAME") or str(self.inventory)
        prefix = int(os.environ.get("LAB_PREFIX", "24"))
        self.plan: Plan = planning.build(host.read_inventory(self.inventory), name, disks, prefix)
        self.state = host.CACHE / "labs" / self.plan.lab_id
        driver = os.environ.get("LAB_DRIVER", "container")
        if driver not in DRIVERS:
            raise LabError(f"LAB_DRIVER={driver} is unknown; use {' or '.join(DRIVERS)}")
        release = os.environ.get("LAB_RELEASE", "trixie")
        self.driver = DRIVERS[driver](self.plan, self.state, release, os.environ.get("LAB_OSD_SIZE", "8G"))

    def select(self, name: str) -> list[Node]:
        """The node of that name, or every node for ``all``."""
        nodes = [node for node in self.plan.nodes if name in ("all", node.name)]
        if not nodes:
            known = ", ".join(node.name for node in self.plan.nodes)
            raise LabError(f"the lab has no node {name!r}; it has {known}")
        return nodes

    def exists(self) -> bool:
        """Whether ``up`` came to its end, and nothing was removed since (a host's reboot removes the bridges)."""
        return (self.state / "lab.json").exists() and bool(network.links(self.plan.lab_id))

    def require_up(self) -> None:
        """Raise LabError unless the lab exists."""
        if not self.exists():
            raise LabError(f"there is no lab for {self.inventory}; make it with 'lab.py up -i {self.inventory}'")

    def up(self) -> None:
        """Make and boot the lab; over a running one only boot what is off."""
        if self.exists():
            off = [node for node in self.plan.nodes if not self.driver.running(node)]
            host.say("the lab is up already" if not off else f"booting {', '.join(node.name for node in off)}")
        else:
            self.down()
            gateway = network.create(self.plan)
            self.driver.create(gateway)
            description = {"inventory": str(self.inventory), "gateway": str(gateway)}
            (self.state / "lab.json").write_text(json.dumps(description, indent=1))
        self.start(list(self.plan.nodes))

    @property
    def gateway(self) -> ipaddress.IPv4Address:
        """This machine's address on the management network of a lab that exists."""
        return ipaddress.IPv4Address(json.loads((self.state / "lab.json").read_text())["gateway"])

    def reinstall(self, nodes: list[Node], *, keep_disks: bool) -> None:
        """Install nodes anew and boot them."""
        gateway = self.gateway
        for node in nodes:
            self.driver.reinstall(node, gateway, keep_disks=keep_disks)
        self.start(nodes)

    def start(self, nodes: list[Node]) -> None:
        """Boot nodes, and their BMCs, and wait until each answers on SSH."""
        for node in nodes:
            self.driver.start_bmc(node, node.bmc.address or str(self.gateway))
            self.driver.start(node)
        deadline = time.monotonic() + self.driver.BOOT_SECONDS
        for node in nodes:
            if not self.driver.unplugged(node):
                self._wait(node, deadline)

    def _wait(self, node: Node, deadline: float) -> None:
        command = [*host.ssh_command(_ip(node)), "true"]
        while subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode:
            if time.monotonic() > deadline:
                log = self.driver.directory(node) / "console.log"
                raise LabError(f"{node.name} does not answer on SSH after {self.driver.BOOT_SECONDS:.0f} s; see {log}")
            self.driver.start(node)  # It may have been about to power off.
            time.sleep(0.1)

    def down(self) -> None:
        """Remove everything that belongs to the lab, whatever state it is in."""
        self.driver.remove()
        network.remove(self.plan.lab_id)

    def status(self) -> str:
        """A line per node: name, address, state, BMC, cables that are out."""
        lines = []
        for node in self.plan.nodes:
            state = "running" if self.driver.running(node) else "off" if self.exists() else "absent"
            out = self.driver.unplugged(node)
            cables = f"  cut from {', '.join(out)}" if out else ""
            place = f"BMC {node.bmc.address or self.gateway}:{node.bmc.port}"
            bmc = place if self.driver.bmc_running(node) else "no BMC"
            lines.append(f"{node.name:16} {_ip(node):16} {state:8} {bmc}{cables}")
        return "\n".join(lines)


def _ip(node: Node) -> str:
    return node.address.partition("/")[0]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="lab.py", description="A lab of stock Debian nodes on this machine.")
    common = argparse.ArgumentParser(add_help=False)
    default = host.REPOSITORY / "inventories/lab/hosts"
    common.add_argument("-i", "--inventory", type=Path, default=default, help="inventory whose 'nodes' are built")
    verbs = top.add_subparsers(dest="verb", required=True)
    for verb, text in (
        ("up", "make and boot the lab"),
        ("down", "remove the lab and all it left"),
        ("status", "show the nodes"),
        ("guest-image", "build the cloud image of the lab's VMs"),
    ):
        verbs.add_parser(verb, help=text, parents=[common])
    for verb, text in (("start", "boot"), ("stop", "power off in order"), ("restart", "power off and boot")):
        verbs.add_parser(verb, help=text, parents=[common]).add_argument("node", nargs="?", default="all")
    command = verbs.add_parser("kill", help="power cut", parents=[common])
    command.add_argument("node")
    command.add_argument("--bmc", action="store_true", help="its BMC loses power, too; 'start' brings both back")
    command = verbs.add_parser("reinstall", help="install a node anew", parents=[common])
    command.add_argument("node")
    command.add_argument("--keep-disks", action="store_true", help="leave its disks as they are (default: empty)")
    for verb, text in (("cut", "pull network cables"), ("join", "plug network cables")):
        command = verbs.add_parser(verb, help=text, parents=[common])
        command.add_argument("node")
        command.add_argument("--network", choices=(MANAGEMENT, STORAGE), help="only this network (default: all)")
        if verb == "cut":
            command.add_argument("--silent", action="store_true", help="the link stays up, and nothing comes through")
    command = verbs.add_parser("ssh", help="log in to a node", parents=[common])
    command.add_argument("node")
    command.add_argument("command", nargs=argparse.REMAINDER)
    return top


def act_on(lab: Lab, nodes: list[Node], options: argparse.Namespace) -> None:
    """Do what the command line asks to some nodes."""
    verb = options.verb
    if verb in ("stop", "restart"):
        lab.driver.stop(nodes)
    if verb == "kill":
        if options.bmc:
            lab.driver.kill_bmc(nodes)
        lab.driver.kill(nodes)
    if verb == "reinstall":
        lab.reinstall(nodes, keep_disks=options.keep_disks)
    if verb in ("start", "restart"):
        lab.start(nodes)
    if verb in ("cut", "join"):
        segments = {options.network} if options.network else set(lab.plan.segments)
        cable = network.IN if verb == "join" else network.SILENT if options.silent else network.OUT
        for node in nodes:
            lab.driver.connect(node, segments, cable)


def act(options: argparse.Namespace) -> int:
    """Do what the command line asks; returns the exit status."""
    host.require()
    if options.verb == "guest-image":
        print(*guest_image.ensure(), sep="\n")
        return 0
    lab = Lab(options.inventory)
    verb = options.verb
    if verb == "status":
        print(lab.status())
        return 0
    if verb == "ssh":
        lab.require_up()
        return subprocess.call([*host.ssh_command(_ip(lab.select(options.node)[0])), *options.command])
    with host.locked(host.CACHE / "labs" / f"{lab.plan.lab_id}.lock"):
        if verb in ("up", "down"):
            getattr(lab, verb)()
            return 0
        lab.require_up()
        act_on(lab, lab.select(options.node), options)
    return 0


def main() -> int:
    """Entry point: an error is one sentence on stderr and status 1."""
    try:
        return act(parser().parse_args())
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
