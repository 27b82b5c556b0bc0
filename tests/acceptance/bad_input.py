"""Every bad input is answered by site.yml with one sentence, before anything is changed. Runs against real labs.

    python tests/acceptance/bad_input.py -i inventories/lab/hosts [--bare HOSTS] [CASE ...]

`-i` is a converged lab of three nodes, which is left as it is. `--bare` is a second lab without a cluster, whose nodes
are damaged and repaired; without it, those cases are left out. CASE is a part of a name. A clock can't be set in a
container: that rule has unit tests only.
"""

from __future__ import annotations

import argparse
import copy
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
Object = dict[str, Any]
Change = Callable[[Object], None]
WEB, NODES = "vms.hosts.web1", "nodes.vars"
DISK = "/dev/disk/by-id/nvme-LAB_node2_1"
SIZE = "is not a size; write a positive number with a unit, such as 20GiB or 512MiB"
NEEDED = "apt-get -qq update && apt-get -qq install -y e2fsprogs fdisk >/dev/null 2>&1"


def put(path: str, **values: Any) -> Change:
    """Set variables in the part of the inventory that `path` leads to."""

    def change(inventory: Object) -> None:
        place = inventory
        for key in path.split("."):
            place = place.setdefault(key, {})
        place |= copy.deepcopy(values)

    return change


def vm(**values: Any) -> Change:
    """One more VM."""
    return put("vms.hosts.badinput", **{"ansible_host": "10.77.0.150", **values})


def image(**values: Any) -> Change:
    """One more VM, with one more image."""
    return all_of(vm(vm_image="badinput"), put("all.vars.vm_images", badinput=values))


def without(path: str, *names: str) -> Change:
    """Take keys out of a part of the inventory."""

    def change(inventory: Object) -> None:
        place = inventory
        for key in path.split("."):
            place = place[key]
        for name in names:
            place.pop(name)

    return change


def all_of(*changes: Change) -> Change:
    """Several changes."""

    def change(inventory: Object) -> None:
        for one in changes:
            one(inventory)

    return change


def same(inventory: Object) -> None:
    """Change nothing: what is wrong lies elsewhere."""


@dataclass(frozen=True)
class Case:
    """A bad input: what is changed in the inventory, and the one sentence (a regex) that answers."""

    name: str
    sentence: str
    change: Change = same
    # What is replaced in the text of the inventory, for what a dictionary can't hold.
    text: tuple[str, str] = ("", "")
    arguments: tuple[str, ...] = ()
    # On node2 of the bare lab: what damages and what repairs it. Given: the case runs there.
    damage: str = ""
    repair: str = "true"
    count: int = 1


@dataclass(frozen=True)
class Call:
    """A module called by itself, in check mode."""

    name: str
    sentence: str
    module: str
    options: Object


def nic(**values: Any) -> list[Object]:
    """The interfaces of a VM with one in lan."""
    return [{"network": "lan", **values}]


CASES = (
    Case("misspelt variable", r"web1: vm_memroy is unknown; did you mean vm_memory\?", put(WEB, vm_memroy="1GiB")),
    Case("misspelt prefix", r"web1: vn_memory is unknown; did you mean vm_memory\?.*", put(WEB, vn_memory="1GiB")),
    Case("misspelt on nodes", r"node1, node2, node3: ceph_monitor .* did you mean .*", put(NODES, ceph_monitor=[])),
    Case(
        "misspelt in a disk",
        r"web1: vm_disks\[0\]\.sise is unknown; did you mean size\?",
        put(WEB, vm_disks=[{"size": "4GiB", "sise": "4GiB"}]),
    ),
    Case("availability", r"node1, .*: ha_fencings is unknown; did you mean ha_fencing\?", put(NODES, ha_fencings=True)),
    Case("size without a unit", rf"web1: vm_memory: '512' {SIZE}\.", put(WEB, vm_memory=512)),
    Case("negative size", rf"web1: vm_disks\[0\]\.size: '-4GiB' {SIZE}\.", put(WEB, vm_disks=[{"size": "-4GiB"}])),
    Case("size in words", rf"web1: vm_memory: 'lots' {SIZE}\.", put(WEB, vm_memory="lots")),
    Case("number of vcpus 0", r"web1: vm_vcpus is 0; it must be from 1 to 4096\.", put(WEB, vm_vcpus=0)),
    Case("power that there is not", r"web1: vm_power is 'on'; choose one of running, .*", put(WEB, vm_power="on")),
    Case("YAML's boolean for a word", r"web1: vm_power is .*; choose one of running, .*", put(WEB, vm_power=True)),
    Case("a text for a list", r"web1: vm_disks is '4GiB', which is not a list; write .*", put(WEB, vm_disks="4GiB")),
    Case(
        "a text for a switch", r".*preflight_allow_few_nodes.*'maybe'.*", put(NODES, preflight_allow_few_nodes="maybe")
    ),
    Case("undefined template", r"web1: vm_memory can't be templated: .*", put(WEB, vm_memory="{{ memory_of_web }}")),
    Case("two nodes with one name", r".*: node1 is there twice under hosts .*; rename .*", text=("node2:", "node1:")),
    Case("two VMs with one name", r".*: web1 is there twice under hosts .*; rename .*", text=("web2:", "web1:")),
    Case("a VM with a node's name", r"node1: it is in the group nodes and .*; take .*", put("vms.hosts", node1={})),
    Case(
        "two nodes with one address",
        r"node1 and node2 have the same address 10\.77\.0\.11; give one of them another\.",
        put("nodes.hosts.node2", ansible_host="10.77.0.11"),
    ),
    Case("two VMs with one address", r"web1 and web2 have the same address .*", put(WEB, ansible_host="10.77.0.102")),
    Case("a VM with a node's address", r"node2 and web1 have the same address .*", put(WEB, ansible_host="10.77.0.12")),
    Case(
        "two VMs with one MAC",
        r"web1 and web2 have the same MAC address 52:54:00:00:00:01; give one of them another\.",
        all_of(*(put(f"vms.hosts.web{n}", vm_nics=nic(mac="52:54:00:00:00:01")) for n in (1, 2))),
    ),
    Case("half a MAC", r"web1: vm_nics\[0\]\.mac: '52:54' is not .*; write .*", put(WEB, vm_nics=nic(mac="52:54"))),
    Case(
        "VM's address outside its network",
        r"web1: vm_nics\[0\]\.address: 10\.78\.0\.5 is not a host address of 10\.77\.0\.0/24; choose .*",
        put(WEB, ansible_host="10.78.0.5"),
    ),
    Case(
        "storage address outside its network",
        r"node2: network_storage_address: 10\.99\.0\.2 is not a host address of 10\.77\.1\.0/24; choose .*",
        put("nodes.hosts.node2", network_storage_address="10.99.0.2"),
    ),
    Case(
        "no address at all",
        r"web1: vm_nics\[0\]\.address: '10\.77\.0\.300' is not an address; write .*",
        put(WEB, vm_nics=nic(address="10.77.0.300")),
    ),
    Case(
        "network with host bits",
        r"node1, node2, node3: network_storage\.cidr: '10\.77\.1\.1/24' has host bits set; did you mean .*",
        put(f"{NODES}.network_storage", cidr="10.77.1.1/24"),
    ),
    Case(
        "network that no node has",
        r"web1: vm_nics\[0\]\.network: no node has lna; did you mean lan\?",
        put(WEB, vm_nics=[{"network": "lna"}]),
    ),
    Case(
        "bridge on a link that no node has",
        r"node1, node2, node3: network_bridges\.dmz\.ports: there is no link eno9; the node has .*eno1.*",
        put(f"{NODES}.network_bridges", dmz={"ports": ["eno9"]}),
    ),
    Case(
        "VLAN on a plain bridge",
        r"web1: vm_nics\[0\]\.vlan: lan is not VLAN-aware; set vlan_aware: true .*",
        put(WEB, vm_nics=nic(vlan=7, address="dhcp")),
    ),
    Case("image not declared", r"badinput: vm_image: debian-31 is not in vm_images; did .*", vm(vm_image="debian-31")),
    Case(
        "image that does not exist",
        r"vm_images\.badinput\.path: there is no file /nowhere/image on the controller; correct it\.",
        image(path="/nowhere/image"),
    ),
    Case(
        "image with a wrong checksum",
        r"vm_images\.badinput\.checksum: \S+ has sha256:\w{64}, not sha256:0{64}; fetch .* or correct the checksum\.",
        image(path="IMAGE", checksum=f"sha256:{'0' * 64}"),
    ),
    Case("file that is no image", r"vm_images\.badinput\.path: \S+ is a text, .*", image(path=str(ROOT / "README.md"))),
    Case("directory as an image", r"vm_images\.badinput\.path: there is no file \S+ .*", image(path=str(ROOT))),
    Case(
        "URL that does not answer",
        r"vm_images\.badinput\.url: \S+ can't fetch http://127\.0\.0\.1:9/y \(\S.*\); correct it\.",
        image(url="http://127.0.0.1:9/y", checksum=f"sha256:{'0' * 64}"),
    ),
    Case("URL without a checksum", r"vm_images\.badinput: a url needs a checksum; write .*", image(url="http://x/y")),
    Case(
        "VM larger than any node",
        r"web1: vm_memory 4 TiB and vm_vcpus 1 are more than any node has for VMs \(at most .*\); make .*",
        put(WEB, vm_memory="4TiB"),
    ),
    Case(
        "all VMs larger than the cluster",
        r"All VMs together need .* of vm_vcpus, the cluster has .* for VMs; make VMs smaller or add a node\.",
        all_of(
            put(NODES, libvirt_cpu_overcommit=2),
            *(put(f"vms.hosts.big{n}", ansible_host=f"10.77.0.{200 + n}", vm_vcpus=3) for n in range(9)),
        ),
    ),
    Case("fewer than three nodes", r"The group nodes has 2 of .*; add .*", without("nodes.hosts", "node3")),
    Case("no nodes", r"The group nodes has 0 of .*", without("nodes.hosts", "node1", "node2", "node3")),
    Case(
        "an even number of monitors",
        r"ceph_monitors has 2 monitors \(node1, node2\), .*; take an odd number\.",
        put(NODES, ceph_monitors=["node1", "node2"]),
    ),
    Case(
        "monitor on no node",
        r"ceph_monitors: node7 is no host of the group nodes; did you mean node1\?",
        put(NODES, ceph_monitors=["node7"]),
    ),
    Case(
        "shrinking a disk",
        r"web1: vm_disks\[0\]\.size: the disk is 4GiB and is not shrunk to 3GiB, .*; write at least 4GiB\.",
        put(WEB, vm_disks=[{"size": "3GiB"}]),
    ),
    Case(
        "unknown pool",
        r"web1: vm_disks\[1\]\.pool: fast is not in .*",
        put(WEB, vm_disks=[{}, {"size": "1GiB", "pool": "fast"}]),
    ),
    Case(
        "removing a pool in use",
        r"ceph_pools\.vms: the pool is not empty \(base\.debian-13\..*\); .*",
        put(f"{NODES}.ceph_pools.vms", state="absent"),
        arguments=("--check",),
    ),
    Case(
        "a single copy",
        r"ceph_pools\.vms\.size: 1 is a single copy, which Ceph refuses; give at least 2, or .*",
        put(f"{NODES}.ceph_pools.vms", size=1),
    ),
    Case("vm_node that there is not", r"web1: vm_node: node9 is no host of .*; did you .*", put(WEB, vm_node="node9")),
    Case(
        "no OSD disk matches",
        r"node1, .*: /dev/sdz is no block device of this node: correct ceph_osd_devices\.",
        put(NODES, ceph_osd_devices=["/dev/sdz"]),
    ),
    Case(
        "all nodes down",
        r"node\d \(10\.77\.0\.24\d\) does not answer over SSH: .*; start it or correct ansible_host\.",
        all_of(*(put(f"nodes.hosts.node{n}", ansible_host=f"10.77.0.24{n}") for n in (1, 2, 3))),
        count=3,
    ),
    Case(
        "one node down",
        r"node3 \(10\.77\.0\.243\) does not answer over SSH: .*; start it or correct ansible_host\.",
        put("nodes.hosts.node3", ansible_host="10.77.0.243"),
    ),
    Case(
        "BMC that does not answer",
        r"node2: ha_bmc: 10\.77\.0\.1 port 6299: does not answer.*; correct ha_bmc, or the controller\.",
        put("nodes.hosts.node2.ha_bmc", port=6299),
    ),
    Case(
        "BMC that refuses the password",
        r"node2: ha_bmc: 10\.77\.0\.1 port 6232: .*password.*; correct ha_bmc, or the controller\.",
        put("nodes.hosts.node2.ha_bmc", password="wrong"),
    ),
    Case(
        "nothing that fences",
        r"node2: nothing can fence it when it is lost; give ha_bmc or .*",
        all_of(without("nodes.hosts.node2", "ha_bmc"), put(NODES, ha_storage_fencing="with")),
    ),
    Case("preferred node that there is not", r"web1: vm_prefer: node9 is no host of .*", put(WEB, vm_prefer=["node9"])),
    Case(
        "apart on too few nodes",
        r"vm_apart web: 2 VMs \(web1, web2\) must be apart and have 1 nodes that can run them; take .*",
        all_of(
            put(NODES, ha_spare=False),
            *(put(f"vms.hosts.web{n}", vm_apart=["web"], vm_affinity_strict=True, vm_nodes=["node1"]) for n in (1, 2)),
        ),
    ),
    Case(
        "no second node",
        r"web1: only node1 can run it, the only one in vm_nodes .*; it would be lost with that node\. .*",
        put(WEB, vm_nodes=["node1"]),
    ),
    Case(
        "network of one node only",
        r"web1: vm_nics\[0\]\.network: node2, chosen by vm_nodes, has no dmz for it; node1 has\.",
        all_of(
            put("nodes.hosts.node1", network_bridges={"lan": {"ports": ["eno1"]}, "dmz": {}}),
            put(WEB, vm_nodes=["node1", "node2"], vm_nics=[{"network": "dmz", "address": "dhcp"}]),
        ),
    ),
    # The lab without a cluster.
    Case(
        "mounted disk",
        rf"node2: {DISK} is mounted on /mnt; .*",
        damage=f"{NEEDED}; mkfs.ext4 -q {DISK} && mount {DISK} /mnt",
        repair=f"umount /mnt; wipefs -qa {DISK}",
    ),
    Case(
        "disk with a file system",
        rf"node2: {DISK} .*ext4.*; name it in ceph_osd_wipe if that may be lost\.",
        damage=f"{NEEDED}; mkfs.ext4 -q {DISK}",
        repair=f"wipefs -qa {DISK}",
    ),
    Case(
        "disk with partitions",
        rf"node2: {DISK} .*partition.*; name it in ceph_osd_wipe if that may be lost\.",
        damage=f"{NEEDED}; echo ,,L | sfdisk -q --no-reread {DISK}; partx -a {DISK}",
        repair=f"partx -d --nr 1 {DISK}; wipefs -qa {DISK}",
    ),
    Case(
        "disk of another Ceph cluster",
        r"node2: /dev/\S+ holds osd\.\d+ of the cluster \S+, but no node has .*ceph_osd_wipe.*",
        damage=f"echo LABEL | base64 -d | dd of={DISK} conv=notrunc,fsync status=none",
        repair=f"dd if=/dev/zero of={DISK} bs=4096 count=1 conv=notrunc,fsync status=none",
    ),
    Case(
        "unsupported distribution",
        r"node2: it runs Debian GNU/Linux 11 \(bullseye\), which is not supported; install Debian 13 or 12\.",
        damage="rm /etc/os-release; sed 's/13/11/; s/trixie/bullseye/' /usr/lib/os-release > /etc/os-release",
        repair="ln -sf ../usr/lib/os-release /etc/os-release",
    ),
    Case(
        "unreachable package source",
        r"node2: the package source http://apt\.invalid/debian trixie can't be reached \(.*\), .*; correct it .*",
        damage="echo deb http://apt.invalid/debian trixie main > /etc/apt/sources.list.d/badinput.list",
        repair="rm /etc/apt/sources.list.d/badinput.list",
    ),
    Case(
        "node without Python",
        r"node2 .* has no usable Python: .*; install python3 on it\.",
        damage="for f in /usr/bin/python3*; do mv $f /root/; done",
        repair="mv /root/python3* /usr/bin/",
    ),
    Case(
        "login that is not root's",
        r"node2 \(10\.77\.0\.12\) refuses the login as nobody: .*; check ansible_user.*",
        put("nodes.hosts.node2", ansible_user="nobody"),
        damage="true",
    ),
    Case(
        "node down",
        r"node2 \(10\.77\.0\.99\) does not answer over SSH: .*; start it or correct .*",
        put("nodes.hosts.node2", ansible_host="10.77.0.99"),
        damage="true",
    ),
    Case(
        "wrong root password",
        r"node\d \(\S+\) refuses the login as root: .*; check ansible_user, and the password \(-k\) or the key\.",
        # Not over a connection that the case before this one left open.
        all_of(
            without("all.vars", "ansible_ssh_private_key_file"), put("all.vars", ansible_ssh_args="-o ControlPath=none")
        ),
        arguments=("--connection-password-file", "PASSWORD"),
        damage="true",
        count=3,
    ),
)

# The cases are written for a lab whose addresses begin so.
WRITTEN = "10.77"

CALLS = (
    Call(
        "ceph_pool: removing a pool in use",
        r"Pool vms is not empty \(base\.debian-13\..*\); remove its images first, or give force: true .*",
        "ceph_pool",
        {"name": "vms", "state": "absent"},
    ),
    Call(
        "rbd_image: removing a disk in use",
        r".*vms/db1\.disk1 is in use by client\.\d+ at .*: stop what uses it .*",
        "rbd_image",
        {"pool": "vms", "name": "db1.disk1", "state": "absent"},
    ),
    Call(
        "rbd_image: shrinking a disk",
        r".*vms/db1\.disk1.*shr.*",
        "rbd_image",
        {"pool": "vms", "name": "db1.disk1", "size": "1GiB"},
    ),
)


class Lab:
    """An inventory of a running lab, and what is run on it."""

    def __init__(self, inventory: Path, work: Path) -> None:
        """Read the inventory; its paths become absolute, for its variants lie elsewhere."""
        self.path, self.work = inventory, work
        text = inventory.read_text(encoding="utf-8").replace("{{ inventory_dir }}", str(inventory.parent.resolve()))
        self.inventory: Object = yaml.safe_load(text.replace("inventory_dir", f"'{inventory.parent.resolve()}'"))
        # Whatever the group of all hosts is called.
        self.inventory = {"all": self.inventory.pop(next(iter(self.inventory))), **self.inventory}
        address = self.inventory["nodes"]["hosts"]["node1"]["ansible_host"]
        self.network = ".".join(address.split(".")[:2])
        self.extra: dict[str, str] = {}

    def run(self, *command: str) -> tuple[int, str]:
        """Run a command of Ansible; return its status and all that it printed."""
        done = subprocess.run(
            command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        return done.returncode, done.stdout

    def shell(self, node: str, command: str) -> str:
        """Run a command on a node, which need not have Python."""
        status, output = self.run("ansible", node, "-i", str(self.path), "-m", "ansible.builtin.raw", "-a", command)
        if status:
            raise SystemExit(f"{command}: {output}")
        return output.partition("\n")[2]

    def variant(self, case: Case) -> Path:
        """The inventory with one bad input."""
        inventory = copy.deepcopy(self.inventory)
        case.change(inventory)
        text = yaml.safe_dump(inventory, sort_keys=False, width=1000).replace(*case.text).replace(WRITTEN, self.network)
        path = self.work / case.name.replace(" ", "-").replace("'", "")
        path.write_text(self.fill(text), encoding="utf-8")
        return path

    def fill(self, text: str) -> str:
        """Put in what is only known here."""
        for name, value in self.extra.items():
            text = text.replace(name, value)
        return text

    def try_case(self, case: Case) -> list[str]:
        """Run site.yml on a variant; return what is printed instead of a plan, and what is wrong with that."""
        if case.damage:
            self.shell("node2", self.fill(case.damage))
        try:
            arguments = [self.fill(argument) for argument in case.arguments]
            status, output = self.run(
                "ansible-playbook", "playbooks/site.yml", "-i", str(self.variant(case)), *arguments
            )
        finally:
            if case.damage:
                self.shell("node2", case.repair)
        return judge(case, status, output.replace(self.network, WRITTEN))

    def try_call(self, call: Call) -> list[str]:
        """Call a module on node1."""
        arguments = ("-m", f"cairn.hci.{call.module}", "-a", json.dumps(call.options), "--check")
        status, output = self.run("ansible", "node1", "-i", str(self.path), *arguments)
        return judge(call, status, output)


def messages(output: str) -> list[str]:
    """The lines that failed tasks give as their reason."""
    found = []
    for match in re.finditer(
        r"^(?:fatal: .* => |\S+ \| FAILED! => )\n?((?:[ {].*\n|\}\n|\n(?= ))*)", output, re.MULTILINE
    ):
        found += str(yaml.safe_load(match[1])["msg"]).splitlines()
    return [line for line in found if line != "Nothing was changed."]


def judge(case: Case | Call, status: int, output: str) -> list[str]:
    """The sentences, and behind them what is not as it should be."""
    found = messages(output)
    wrong = [] if status else ["! exit status 0"]
    wrong += [f"! not expected: {one}" for one in found if not re.fullmatch(case.sentence, one)]
    if len(found) != getattr(case, "count", 1):
        wrong.append(f"! {len(found)} sentences")
    if re.search(r"Traceback|MODULE FAILURE|[Uu]nexpected", output):
        wrong.append("! a traceback")
    roles = set(re.findall(r"^TASK \[cairn\.hci\.(\w+)", output, re.MULTILINE)) - {"preflight"}
    if roles or re.search(r"changed(=[1-9]|: true)", output):
        wrong.append(f"! not stopped before {', '.join(sorted(roles)) or 'a change'}")
    return [*found, *wrong]


def run(name: str, attempt: Callable[[Any], list[str]], case: Case | Call) -> bool:
    """Try one case and print its lines of the table."""
    lines = attempt(case)
    good = not any(line.startswith("! ") for line in lines)
    print(f"{'ok' if good else 'FAILED':7} {name}", *(f"        {line}" for line in lines), sep="\n", flush=True)
    return good


def main() -> int:
    """Try all cases that can be tried on the given labs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-i", dest="inventory", type=Path, required=True)
    parser.add_argument("--bare", type=Path)
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()

    def chosen(name: str) -> bool:
        return not options.cases or any(part in name for part in options.cases)

    with tempfile.TemporaryDirectory() as work, ThreadPoolExecutor(max_workers=3) as pool:
        lab = Lab(options.inventory, Path(work))
        lab.extra["IMAGE"] = next(iter(lab.inventory["all"]["vars"]["vm_images"].values()))["path"]
        attempts: list[tuple[Callable[[Any], list[str]], Case | Call]] = []
        attempts += [(lab.try_case, case) for case in CASES if not case.damage]
        attempts += [(lab.try_call, call) for call in CALLS]
        results = [pool.submit(run, case.name, attempt, case) for attempt, case in attempts if chosen(case.name)]
        damaging = [case for case in CASES if case.damage and chosen(case.name)]
        good = all(bare_results(options.bare, lab, damaging)) if options.bare else True
        good &= not [result for result in results if not result.result()]
    print(f"{len(results) + len(damaging if options.bare else [])} cases" + ("" if good else ", not all ok"))
    return 0 if good else 1


def bare_results(inventory: Path, cluster: Lab, cases: Iterable[Case]) -> list[bool]:
    """Try the cases that damage a node, one after another."""
    lab = Lab(inventory, cluster.work)
    password = cluster.work / "password"
    password.write_text("wrong\n", encoding="utf-8")
    label = cluster.shell("node1", "head -c 4096 /dev/disk/by-id/nvme-LAB_node1_1 | base64 -w0")
    lab.extra = {"PASSWORD": str(password), "LABEL": label.strip()}
    return [run(case.name, lab.try_case, case) for case in cases]


if __name__ == "__main__":
    sys.exit(main())
