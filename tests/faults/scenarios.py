"""The faults. A line of `before`, `fault` or `heal` is an action of ACTIONS in run.py with its targets.

Targets are nodes by what they are when the fault comes: `busy` has the most guests, `second` and `third` are the
others; `dc` is Pacemaker's, `leader` that of Ceph's monitors; `all` are all. `guest` is a guest on `busy`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

Step = tuple[str, ...]


class Guests(Enum):
    """What becomes of the guests on the nodes that the fault hits; those on other nodes are never touched."""

    MOVE = "start again on other nodes"
    STAY = "are untouched"
    MIGRATE = "run on, on other nodes"
    STOP = "all stop being served, and are again when the fault is gone"
    RESTART = "the guest starts again"
    ANY = "may start again"


@dataclass(frozen=True)
class Scenario:
    """A fault, and what shall come of it.

    `hold` is how long the fault lasts, in seconds, before `heal`; after that all cables are plugged in and all nodes
    booted. `within` is the deadline for MOVE, MIGRATE and RESTART, in seconds.
    `before` comes before the fault, and harms no guest.
    """

    name: str
    title: str
    fault: tuple[Step, ...]
    guests: Guests
    hold: float = 0.0
    heal: tuple[Step, ...] = ()
    within: float = 30.0
    before: tuple[Step, ...] = ()
    quick: bool = False


SCENARIOS = (
    Scenario("killed", "node killed", (("kill", "busy"),), Guests.MOVE, quick=True),
    Scenario("cut", "node cut from all networks, BMC alive", (("cut", "busy"),), Guests.MOVE, quick=True),
    Scenario(
        "split", "one against two: its links are up, and nothing comes through", (("split", "busy"),), Guests.MOVE
    ),
    Scenario("power", "node and BMC dead together", (("kill_bmc", "busy"), ("kill", "busy")), Guests.MOVE),
    Scenario(
        "power_asked",
        "node dead while Pacemaker waits for an answer of its dead BMC",
        (("kill", "busy"),),
        Guests.MOVE,
        before=(("kill_bmc", "busy"), ("wait_asked", "busy")),
    ),
    Scenario(
        "link_mgmt",
        "management link cut",
        (("cut_mgmt", "busy"),),
        Guests.STAY,
        hold=20,
        heal=(("join", "busy"),),
    ),
    Scenario(
        "link_storage",
        "storage link cut",
        (("cut_storage", "busy"),),
        Guests.ANY,
        hold=20,
        heal=(("join", "busy"),),
    ),
    Scenario("dc", "Pacemaker's DC killed", (("kill", "dc"),), Guests.MOVE, hold=20),
    Scenario("leader", "leader of the monitors killed", (("kill", "leader"),), Guests.MOVE, hold=20),
    Scenario("corosync_killed", "corosync killed", (("run", "busy", "pkill -KILL -x corosync"),), Guests.ANY, hold=20),
    Scenario(
        "corosync_stopped",
        "corosync stopped (SIGSTOP)",
        (("run", "busy", "pkill -STOP -x corosync"),),
        Guests.MOVE,
        heal=(("run", "busy", "pkill -CONT -x corosync"),),
    ),
    Scenario(
        "pacemaker_killed", "pacemakerd killed", (("run", "busy", "pkill -KILL -x pacemakerd"),), Guests.STAY, hold=20
    ),
    Scenario("libvirtd_killed", "libvirtd killed", (("run", "busy", "pkill -KILL -x libvirtd"),), Guests.STAY, hold=20),
    Scenario(
        "libvirtd_stopped",
        "libvirtd stopped (SIGSTOP) for 60 s",
        (("run", "busy", "pkill -STOP -x libvirtd"),),
        Guests.STAY,
        hold=60,
        heal=(("run", "busy", "pkill -CONT -x libvirtd"),),
    ),
    Scenario("qemu_killed", "a QEMU killed", (("kill_qemu", "guest"),), Guests.RESTART),
    Scenario("osd_killed", "an OSD killed", (("run", "busy", "pkill -KILL -x ceph-osd"),), Guests.STAY, hold=20),
    Scenario(
        "two_lost",
        "two nodes lost, one comes back",
        (("kill", "busy", "second"),),
        Guests.STOP,
        hold=30,
        heal=(("start", "second"),),
    ),
    Scenario(
        "poweroff",
        "node shut down in order",
        (("run", "busy", "systemctl poweroff"),),
        Guests.MIGRATE,
        heal=(("wait_off", "busy"),),
        within=120,
    ),
    Scenario(
        "cold_start",
        "power cut of everything, cold start",
        (("kill_bmc", "all"), ("kill", "all")),
        Guests.STOP,
        heal=(("start", "all"),),
        quick=True,
    ),
)
