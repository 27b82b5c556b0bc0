# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What describes a domain, documented once for the modules domain and vm."""

from __future__ import annotations

OPTIONS = r"""
options:
  name: &name
    description: The domain's name.
    type: str
  uuid: &uuid
    description:
      - The domain's UUID, for a new domain only.
      - By default it is derived from the name.
    type: str
  title: &title
    description: A short text for people.
    type: str
  description: &description
    description: A text for people.
    type: str
  vcpus: &vcpus
    description:
      - Virtual CPUs. By default 1.
      - More, up to O(vcpus_max), are plugged in live. Those that were there at boot can't be unplugged. A
        Linux guest that is emulated (without KVM) sees more vcpus only after a restart.
    type: int
  vcpus_max: &vcpus_max
    description:
      - The most virtual CPUs that can be had without a restart.
      - By default twice O(vcpus), at least 4 and at most 240. An empty place costs the guest about 100 KiB.
    type: int
  memory: &memory
    description:
      - Memory with its unit, such as V(2GiB), in whole MiB. By default V(1GiB).
      - More is plugged in live as a DIMM, in steps of 128 MiB, as a Linux guest takes it; another step waits for a
        restart.
        There are 16 slots, one is used for each step; the next start makes them one piece again.
      - Less is asked of the guest's balloon driver at once, and comes fully with the next start.
    type: str
  memory_max: &memory_max
    description:
      - The most memory that can be had without a restart. By default four times O(memory).
      - Nothing is allocated for it, unlike for a balloon's ceiling, so it does not count when capacity is planned. A
        Linux guest with less than 4 GiB reserves 64 MiB (swiotlb) when it could have memory above 4 GiB. Set it to the
        value of O(memory) to avoid that; memory is then changed by a restart.
    type: str
  cpu_model: &cpu_model
    description:
      - V(host-model), V(host-passthrough), V(maximum), or the name of a model such as V(EPYC-Milan).
      - By default V(host-model) with KVM, and V(maximum) with emulation. Name a model when nodes differ and
        guests migrate.
    type: str
  machine: &machine
    description:
      - The machine type. By default V(q35).
      - A domain keeps the version that it got (V(pc-q35-10.0)) until another family or version is asked for.
    type: str
  firmware: &firmware
    description: How it boots. By default V(bios). Libvirt selects the firmware for V(uefi), without Secure Boot.
    type: str
    choices: [bios, uefi]
  disks: &disks
    description:
      - All disks of the domain. One that is not in the list is unplugged; its data stays.
      - The seed, CD-ROMs and disks of other kinds (volumes of a pool, NBD, iSCSI, NVMe) are left alone.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - Its name in this list. A disk keeps its place in the guest by its name; a renamed one is known by its data.
        type: str
        required: true
      pool:
        description: The Ceph pool of O(disks[].image).
        type: str
      image:
        description: An RBD image. The node's C(ceph.conf) knows the monitors.
        type: str
      file:
        description: A file on the node.
        type: path
      device:
        description: A block device of the node.
        type: path
      format:
        description: Format of a new disk's data. By default V(qcow2) for a file whose name ends so, else V(raw).
        type: str
        choices: [raw, qcow2]
      bus:
        description: Where it is attached. By default V(virtio). A V(sata) disk can't be plugged live.
        type: str
        choices: [virtio, scsi, sata, usb]
      cache:
        description:
          - QEMU's cache mode. By default V(writeback) for RBD images, V(none) for devices, V(default) for files.
        type: str
        choices: [default, none, writeback, writethrough, directsync, unsafe]
      discard:
        description: Whether blocks that the guest frees are freed in the image. By default V(true).
        type: bool
      iops:
        description: The most operations per second. V(0), the default, is no limit.
        type: int
      bandwidth:
        description: The most bytes per second, such as V(100MiB). V(0), the default, is no limit.
        type: str
      boot_order:
        description:
          - Its place among the devices to boot from; V(0) for none.
          - By default the first disk of a new domain has V(1).
        type: int
      serial:
        description:
          - What the guest sees in C(/dev/disk/by-id).
          - By default the first 20 characters of O(disks[].name).
        type: str
      readonly:
        description: Whether the guest can only read it. By default V(false).
        type: bool
      size:
        description:
          - The size of the image, such as V(20GiB), when it may have been grown (by M(cairn.hci.rbd_image)) under a
            running domain. The domain is then told.
          - Sizes below the present one are ignored.
        type: str
  nics: &nics
    description:
      - All NICs on bridges and libvirt networks. One that is not in the list is unplugged. Other kinds are left alone.
    type: list
    elements: dict
    suboptions:
      name:
        description: Its name in this list.
        type: str
        required: true
      bridge:
        description: A bridge of the node.
        type: str
      network:
        description: A libvirt network, instead of O(nics[].bridge).
        type: str
      vlan:
        description:
          - The VLAN, 1 to 4094, which the guest sees untagged; V(0), the default, for none.
          - On a Linux bridge it needs libvirt 11 (Debian 13) and a VLAN-aware bridge.
          - A change unplugs the card of a running guest and plugs it in again, with the same address.
        type: int
      mac:
        description:
          - The MAC address. By default the present one; that of a new NIC is derived from the names of domain and NIC.
        type: str
      mtu:
        description: The MTU in bytes. V(0), the default, is that of the bridge.
        type: int
      queues:
        description: Pairs of queues, for guests with many vcpus. By default 1.
        type: int
      model:
        description: The card that the guest sees. By default V(virtio).
        type: str
      link:
        description: Whether the cable is plugged in. By default V(true).
        type: bool
  pci_devices: &pci_devices
    description:
      - All PCI devices of the node that it has, as addresses such as V(0000:03:00.0). Others are taken away.
      - M(cairn.hci.pci_device) must keep them for guests. A domain that runs gets a further one at once, where it
        has a free PCIe port, and loses one with the next start.
    type: list
    elements: str
  cloud_init: &cloud_init
    description:
      - The cloud-init seed, see M(cairn.hci.cloud_init_seed), as a read-only virtio disk.
      - An empty dictionary removes it.
    type: dict
    suboptions:
      pool:
        description: The Ceph pool of O(cloud_init.image).
        type: str
      image:
        description: An RBD image.
        type: str
      file:
        description: A file on the node.
        type: path
  console_log: &console_log
    description:
      - Whether the serial console, which C(virsh console) opens, is logged.
      - The file is C(/var/log/libvirt/qemu/NAME-console.log).
      - By default V(true). Virtlogd rotates the file.
    type: bool
  vnc: &vnc
    description: Whether it has a screen, by VNC on the node's loopback address. By default V(false).
    type: bool
  guest_agent: &guest_agent
    description: Whether it has the QEMU guest agent's channel. By default V(true).
    type: bool
  watchdog: &watchdog
    description: Whether it has a watchdog (i6300esb) that resets it. By default V(false).
    type: bool
  rng: &rng
    description: Whether it gets random numbers from the node. By default V(true).
    type: bool
  state: &state
    description: Whether the domain shall exist. V(absent) shuts a running guest down first.
    type: str
    choices: [present, absent]
    default: present
  power: &power
    description:
      - V(running), V(stopped) by a clean shutdown that is waited for, or V(paused). Left alone by default.
      - All guests of a task that shall stop are asked at once, then waited for.
    type: str
    choices: [running, stopped, paused]
  restart: &restart
    description:
      - What to do when a change takes effect only with a restart (a new start, not a reboot of the guest).
      - V(never) returns it as C(restart_required). V(allowed) shuts the guest down cleanly and starts it.
    type: str
    choices: [never, allowed]
    default: never
  shutdown_timeout: &shutdown_timeout
    description: Seconds that a clean shutdown may take.
    type: int
    default: 120
  force_after: &force_after
    description: Whether a guest that did not shut down in time has its power cut. Else that is an error.
    type: bool
    default: false
"""
# The same options once more for each object of the list form.
LIST = r"""
    type: list
    elements: dict
    suboptions:
      name:
        <<: *name
        required: true
      uuid: *uuid
      title: *title
      description: *description
      vcpus: *vcpus
      vcpus_max: *vcpus_max
      memory: *memory
      memory_max: *memory_max
      cpu_model: *cpu_model
      machine: *machine
      firmware: *firmware
      disks: *disks
      nics: *nics
      pci_devices: *pci_devices
      cloud_init: *cloud_init
      console_log: *console_log
      vnc: *vnc
      guest_agent: *guest_agent
      watchdog: *watchdog
      rng: *rng
      state: *state
      power: *power
      restart: *restart
      shutdown_timeout: *shutdown_timeout
      force_after: *force_after
"""
STORAGE = r"""
  ceph_user:
    description: The Ceph client of the guests, without C(client.).
    type: str
    default: libvirt
  ceph_secret_uuid:
    description: The UUID of the libvirt secret with that client's key. Without it, RBD images are opened without a key.
    type: str
  domain_type:
    description:
      - V(kvm), V(qemu) (emulation), or V(auto), which is V(kvm) where the CPU and the kernel can do it.
      - With V(auto), a domain that exists keeps its type.
    type: str
    choices: [auto, kvm, qemu]
    default: auto
"""


def options(plural: str, text: str, flat: str, more: str) -> str:
    """The documentation of the options: flat, as a list called `plural`, and those given once.

    `flat` and `more` are those that only one of the modules has, with anchors and with their aliases.
    """
    listed = f"  {plural}:\n    description: {text}"
    return OPTIONS.rstrip() + flat.rstrip() + "\n" + listed + LIST.rstrip() + more.rstrip() + STORAGE


class ModuleDocFragment:
    """Use as C(cairn.hci._domain) or C(cairn.hci._domain.vm)."""

    DOCUMENTATION: str = options(
        "domains",
        "The domains, each with the options above.",
        """
  autostart: &autostart
    description: Whether it starts with the node. Left alone by default; a new domain does not.
    type: bool
""",
        """
      autostart: *autostart
""",
    )
    VM: str = options(
        "vms",
        "The VMs, each with the options above.",
        """
  nodes: &nodes
    description: The only nodes that may run the VM. Without it, all may.
    type: list
    elements: str
  prefer: &prefer
    description: The nodes that shall run the VM if they can when it is started, the best first.
    type: list
    elements: str
    default: []
  priority: &priority
    description: Which VMs are kept running where there is not room for all. The higher number wins.
    type: int
    default: 0
  apart: &apart
    description: Labels. VMs that share one are kept on different nodes.
    type: list
    elements: str
    default: []
  apart_by: &apart_by
    description: Whether C(apart) means nodes or failure domains.
    type: str
    choices: [node, domain]
    default: node
  together: &together
    description: Labels. VMs that share one are kept on one node.
    type: list
    elements: str
    default: []
  affinity_strict: &affinity_strict
    description: Whether the VM is rather stopped than run where its labels do not want it.
    type: bool
    default: false
  start_after: &start_after
    description: VMs that are started before this one where both are to be started.
    type: list
    elements: str
    default: []
  guest_shutdown: &guest_shutdown
    description: What follows when the VM was shut down from inside.
    type: str
    choices: [stop, restart]
    default: stop
""",
        """
      nodes: *nodes
      prefer: *prefer
      priority: *priority
      apart: *apart
      apart_by: *apart_by
      together: *together
      affinity_strict: *affinity_strict
      start_after: *start_after
      guest_shutdown: *guest_shutdown
""",
    )
