#!/bin/sh
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# ocf:cairn:vm, a virtual machine of the cluster. Its definition is in RADOS; the resource carries only its name.
#
# What happens every few seconds for every VM is done here, by the shell alone: a monitor starts no other process and asks
# no daemon, so a libvirt that is slow, stopped or restarting is never taken for a dead guest. The rest is in vm.py.

HELPER=/usr/local/lib/cairn/vm.py
RUN=/run/libvirt/qemu
OCF_SUCCESS=0 OCF_ERR_GENERIC=1 OCF_ERR_UNIMPLEMENTED=3 OCF_ERR_CONFIGURED=6 OCF_NOT_RUNNING=7
name=$OCF_RESKEY_name

helper() { exec /usr/bin/python3 -I "$HELPER" "$@"; }

# Whether a process is a QEMU; a number may have been given to another process since.
is_qemu() {
    [ -n "$1" ] && read -r command 2>/dev/null < "/proc/$1/comm" || return 1
    case $command in qemu* | kvm*) return 0 ;; esac
    return 1
}

# What libvirt wrote when the guest's state last changed: the first tag of its status file has state, reason and pid.
read_status() {
    state='' reason='' pid='' incoming=''
    [ -r "$RUN/$name.xml" ] || return 1
    while read -r tag rest; do
        case $tag in
            "<domstatus")
                pid=${rest##*pid=\'} pid=${pid%%\'*}
                state=${rest#*state=\'} state=${state%%\'*}
                reason=${rest#*reason=\'} reason=${reason%%\'*}
                [ "$state $reason" = "paused migration" ] || return 0 ;;
            "<job") # Only read for a guest that stands still in a migration: the copy that arrives does not run here.
                case $rest in *"async='migration in'"*) incoming=yes ;; esac
                return 0 ;;
            "<domain") return 0 ;;
        esac
    done < "$RUN/$name.xml"
}

# Whether the guest's process lives; sets state and reason.
alive() {
    read_status || { [ -r "$RUN/$name.pid" ] && read -r pid < "$RUN/$name.pid"; }
    is_qemu "$pid" && [ -z "$incoming" ]
}

# The guest's process is gone. That is a failure, unless the guest was shut down from inside and shall stay so.
gone() {
    if [ "${OCF_RESKEY_CRM_meta_interval:-0}" != 0 ] && [ "${OCF_RESKEY_guest_shutdown:-stop}" = stop ]; then
        case $(tail -n 1 "/var/log/libvirt/qemu/$name.log" 2>/dev/null) in
            *"shutting down, reason=shutdown")
                crm_resource --resource "$OCF_RESOURCE_INSTANCE" --meta --set-parameter target-role --parameter-value Stopped ;;
        esac
    fi
    exit $OCF_NOT_RUNNING
}

monitor() {
    alive || gone
    case "$state $reason" in
        "paused ioerror") helper resume "$name" ;;
        crashed*) exit $OCF_ERR_GENERIC ;;
    esac
    exit $OCF_SUCCESS
}

validate() {
    case $name in
        '' | *[!A-Za-z0-9._-]*) echo "name: '$name' is no name of a VM" >&2; exit $OCF_ERR_CONFIGURED ;;
    esac
    case ${OCF_RESKEY_guest_shutdown:-stop} in
        stop | restart) ;;
        *) echo "guest_shutdown: neither 'stop' nor 'restart'" >&2; exit $OCF_ERR_CONFIGURED ;;
    esac
}

meta_data() {
    cat <<'END'
<?xml version="1.0"?>
<!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd">
<resource-agent name="vm" version="0.1.0">
<version>1.1</version>
<longdesc lang="en">Runs a libvirt domain whose definition cairn.hci keeps in RADOS. A domain that runs is adopted; one that
is paused by an I/O error is resumed; whoever held its disks before is cut off from them when it starts.</longdesc>
<shortdesc lang="en">Virtual machine of a cairn.hci cluster</shortdesc>
<parameters>
<parameter name="name" unique="1" required="1">
<longdesc lang="en">The name of the VM in the registry.</longdesc>
<shortdesc lang="en">Name of the VM</shortdesc>
<content type="string"/>
</parameter>
<parameter name="guest_shutdown" unique="0" required="0" reloadable="1">
<longdesc lang="en">What to do when the guest was shut down from inside: 'stop' leaves it off (its target-role becomes
Stopped), 'restart' starts it again.</longdesc>
<shortdesc lang="en">After a shutdown from inside</shortdesc>
<content type="string" default="stop"/>
</parameter>
</parameters>
<actions>
<action name="start" timeout="120s"/>
<action name="stop" timeout="240s"/>
<action name="monitor" depth="0" timeout="60s" interval="10s"/>
<action name="migrate_to" timeout="1800s"/>
<action name="migrate_from" timeout="1800s"/>
<action name="reload-agent" timeout="5s"/>
<action name="meta-data" timeout="5s"/>
<action name="validate-all" timeout="5s"/>
</actions>
</resource-agent>
END
}

case $1 in
    meta-data) meta_data; exit $OCF_SUCCESS ;;
    usage | help) echo "usage: $0 start|stop|monitor|migrate_to|migrate_from|validate-all|meta-data"; exit $OCF_SUCCESS ;;
esac
validate
case $1 in
    monitor | status) monitor ;;
    start) alive && exit $OCF_SUCCESS; helper start "$name" ;;
    stop)
        alive && helper stop "$name" "$pid"
        [ -n "$incoming" ] && is_qemu "$pid" && helper end "$name" "$pid"
        exit $OCF_SUCCESS ;;
    migrate_to) helper migrate "$name" "$OCF_RESKEY_CRM_meta_migrate_target" ;;
    migrate_from) helper arrived "$name" ;;
    validate-all | reload-agent) exit $OCF_SUCCESS ;;
    *) exit $OCF_ERR_UNIMPLEMENTED ;;
esac
