"""Keys, pools and options: made, kept, changed, predicted and removed, in a cluster that is a few dictionaries."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.cairn.hci.plugins.module_utils._ceph import CephResource, CommandError
from ansible_collections.cairn.hci.plugins.module_utils._ceph_config import CephConfig
from ansible_collections.cairn.hci.plugins.module_utils._ceph_keys import CephKey
from ansible_collections.cairn.hci.plugins.module_utils._ceph_pools import CephPool
from ansible_collections.cairn.hci.plugins.module_utils._resource import NotInstalled, ResourceError, converge

PARAMS = {"conf": "/none", "client": "client.admin", "keyring": None, "timeout": 1}


class Cluster:
    """What the monitors answer, as far as these modules ask."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {}
        self.pools: dict[str, Any] = {}
        self.rules = {0: "replicated_rule"}
        self.options: dict[tuple[str, str], str] = {}
        self.objects: list[str] = []
        self.sent: list[str] = []

    def open(self) -> None:
        """Always there."""

    def close(self) -> None:
        """Nothing to close."""

    def command(self, command: dict[str, Any], **_more: Any) -> Any:
        self.sent.append(command["prefix"])
        return getattr(self, command["prefix"].replace(" ", "_").replace("-", "_"))(command)

    def auth_ls(self, _command: dict[str, Any]) -> Any:
        return {"auth_dump": [{"entity": name, **key} for name, key in self.keys.items()]}

    def auth_get_or_create(self, command: dict[str, Any]) -> None:
        words = command["caps"]
        caps = dict(zip(words[::2], words[1::2], strict=True))
        self.keys[command["entity"]] = {"key": f"secret-of-{command['entity']}", "caps": caps}

    def auth_caps(self, command: dict[str, Any]) -> None:
        words = command["caps"]
        self.keys[command["entity"]]["caps"] = dict(zip(words[::2], words[1::2], strict=True))

    def auth_get_key(self, command: dict[str, Any]) -> Any:
        return {"key": self.keys[command["entity"]]["key"]}

    def auth_del(self, command: dict[str, Any]) -> None:
        del self.keys[command["entity"]]

    def config_dump(self, _command: dict[str, Any]) -> Any:
        return [
            {"section": who.partition("/")[0], "mask": who.partition("/")[2], "name": name, "value": value}
            for (who, name), value in self.options.items()
        ]

    def config_set(self, command: dict[str, Any]) -> None:
        self.options[command["who"], command["name"]] = command["value"]

    def config_rm(self, command: dict[str, Any]) -> None:
        del self.options[command["who"], command["name"]]

    def osd_crush_rule_dump(self, _command: dict[str, Any]) -> Any:
        return [{"rule_id": ident, "rule_name": name} for ident, name in self.rules.items()]

    def osd_crush_rule_create_replicated(self, command: dict[str, Any]) -> None:
        self.rules[len(self.rules)] = command["name"]

    def osd_pool_ls(self, _command: dict[str, Any]) -> Any:
        return list(self.pools.values())

    def osd_pool_create(self, command: dict[str, Any]) -> None:
        pool = {"pool_name": command["pool"], "size": 3, "min_size": 2, "pg_num": command.get("pg_num", 1)}
        pool |= {"pg_autoscale_mode": command.get("autoscale_mode", "on"), "options": {}, "application_metadata": {}}
        rule = command.get("rule", "replicated_rule")
        self.pools[command["pool"]] = pool | {"crush_rule": {name: n for n, name in self.rules.items()}[rule]}

    def osd_pool_set(self, command: dict[str, Any]) -> None:
        name, value = command["var"], command["val"]
        pool = self.pools[command["pool"]]
        if (name, value) == ("size", "1") and not command.get("yes_i_really_mean_it"):
            raise CommandError(errno.EPERM, "setting pool size 1 could lead to data loss without recovery")
        if name == "target_size_ratio":
            pool["options"][name] = float(value)
        else:
            pool[name] = int(value) if value.isdigit() else value

    def osd_pool_application_enable(self, command: dict[str, Any]) -> None:
        self.pools[command["pool"]]["application_metadata"] = {command["app"]: {}}

    def osd_pool_delete(self, command: dict[str, Any]) -> None:
        if self.options.get(("mon", "mon_allow_pool_delete")) != "true":
            raise CommandError(errno.EPERM, "pool deletion is disabled")
        del self.pools[command["pool"]]

    @contextmanager
    def ioctx(self, _pool: str) -> Iterator[Any]:
        yield SimpleNamespace(list_objects=lambda: [SimpleNamespace(key=key) for key in self.objects])


class Absent(Cluster):
    """A node that is in no cluster yet."""

    def open(self) -> None:
        raise NotInstalled("no cluster")


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def run(kind: type[CephResource], cluster: Any, *items: dict[str, Any], check: bool = False, **params: Any) -> Any:
    """Converge, as the module would."""
    resource = kind({**PARAMS, **params})
    resource.cluster = cluster
    return converge(resource, list(items), check)


def key(**given: Any) -> dict[str, Any]:
    return {"name": "client.libvirt", "caps": None, "file": None, "owner": "root", "state": "present", **given}


CAPS = {"mon": "profile rbd", "osd": "profile rbd pool=vms"}


def test_a_key_is_predicted_made_kept_changed_and_removed(cluster: Cluster) -> None:
    assert run(CephKey, cluster, key(caps=CAPS), check=True)["changed"]
    assert not cluster.keys
    made = run(CephKey, cluster, key(caps=CAPS))
    assert made["diff"]["after"]["client.libvirt"]["caps"] == CAPS
    assert not run(CephKey, cluster, key(caps={"osd": "profile  rbd pool=vms ", "mon": "profile rbd"}))["changed"]
    assert not run(CephKey, cluster, key())["changed"]
    changed = run(CephKey, cluster, key(caps={"mon": "profile rbd"}))
    assert changed["diff"]["before"]["client.libvirt"]["caps"] == CAPS
    assert run(CephKey, cluster, key(state="absent"))["changed"]
    assert not run(CephKey, cluster, key(state="absent"))["changed"]
    assert not cluster.keys


def test_a_secret_is_returned_only_when_asked_for(cluster: Cluster) -> None:
    assert "secret-of" not in str(run(CephKey, cluster, key(caps=CAPS)))
    told = run(CephKey, cluster, key(), with_secret=True)["ceph_keys"][0]
    assert told["secret"] == "secret-of-client.libvirt"


def test_a_new_key_needs_caps(cluster: Cluster) -> None:
    with pytest.raises(ResourceError, match=r"client.libvirt: there is no such key yet; give its caps"):
        run(CephKey, cluster, key())


def test_a_keyring_is_written_mended_and_removed(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.chown", lambda *_given: None)
    path = tmp_path / "new" / "keyring"
    wanted = key(caps=CAPS, file=str(path))
    assert run(CephKey, cluster, wanted)["changed"]
    assert "secret-of-client.libvirt" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert not run(CephKey, cluster, wanted)["changed"]
    for damage in (lambda: path.chmod(0o644), lambda: path.write_text("[client.libvirt]\n\tkey = old\n"), path.unlink):
        damage()
        assert run(CephKey, cluster, wanted)["diff"]["after"] == {"client.libvirt": {"file": str(path)}}
        assert not run(CephKey, cluster, wanted)["changed"]
    run(CephKey, cluster, key(file=str(path), state="absent"))
    assert not path.exists()


def section(**options: Any) -> dict[str, Any]:
    return {"name": "osd", "options": options}


def test_options_are_predicted_set_kept_changed_and_removed(cluster: Cluster) -> None:
    wanted = section(osd_memory_target="4GiB", osd_scrub_auto_repair=True, osd_max_backfills=1)
    assert run(CephConfig, cluster, wanted, check=True)["changed"]
    assert not cluster.options
    run(CephConfig, cluster, wanted)
    assert cluster.options["osd", "osd_memory_target"] == str(4 << 30)
    assert cluster.options["osd", "osd_scrub_auto_repair"] == "true"
    cluster.options["osd", "osd_max_backfills"] = "1.000000"
    assert not run(CephConfig, cluster, wanted)["changed"]
    changed = run(CephConfig, cluster, section(osd_max_backfills=3))
    assert changed["diff"]["after"] == {"osd": {"osd_max_backfills": "3"}}
    assert run(CephConfig, cluster, section(osd_max_backfills=None))["changed"]
    assert not run(CephConfig, cluster, section(osd_max_backfills=None))["changed"]
    assert len(cluster.options) == 2


def test_a_mask_is_part_of_a_section(cluster: Cluster) -> None:
    wanted = {"name": "osd/class:hdd", "options": {"osd_max_backfills": 1}}
    assert run(CephConfig, cluster, wanted)["changed"]
    assert not run(CephConfig, cluster, wanted)["changed"]
    assert run(CephConfig, cluster, section(osd_max_backfills=1))["changed"]


POOL = {"name": "vms", "size": 3, "min_size": 2, "application": "rbd", "state": "present", "force": False, "pg_num": 32}


def test_a_pool_is_predicted_made_kept_changed_and_removed(cluster: Cluster) -> None:
    assert run(CephPool, cluster, POOL, check=True)["changed"]
    assert not cluster.pools
    run(CephPool, cluster, POOL)
    assert cluster.pools["vms"]["pg_num"] == 32
    assert cluster.pools["vms"]["application_metadata"] == {"rbd": {}}
    assert not run(CephPool, cluster, POOL)["changed"]
    changed = run(CephPool, cluster, POOL | {"size": 2, "min_size": 1, "target_size_ratio": 0.5})
    assert changed["diff"]["before"]["vms"] == {"size": 3, "min_size": 2, "target_size_ratio": 0.0}
    assert run(CephPool, cluster, POOL | {"state": "absent"})["changed"]
    assert not run(CephPool, cluster, POOL | {"state": "absent"})["changed"]
    assert not cluster.options


def test_a_pool_with_a_single_copy_is_what_was_asked_for(cluster: Cluster) -> None:
    run(CephPool, cluster, POOL | {"size": 1, "min_size": 1})
    assert cluster.pools["vms"]["size"] == 1


def test_an_interrupted_pool_is_finished(cluster: Cluster) -> None:
    cluster.osd_pool_create({"pool": "vms"})
    assert run(CephPool, cluster, POOL)["diff"]["after"] == {"vms": {"application": "rbd"}}


def test_a_pool_that_sizes_itself_keeps_its_number(cluster: Cluster) -> None:
    run(CephPool, cluster, POOL)
    cluster.pools["vms"]["pg_num"] = 128
    assert not run(CephPool, cluster, POOL)["changed"]
    assert run(CephPool, cluster, POOL | {"pg_autoscale_mode": "off"})["changed"]
    assert cluster.pools["vms"]["pg_num"] == 32


def test_a_pool_with_data_stays_unless_forced(cluster: Cluster) -> None:
    run(CephPool, cluster, POOL)
    cluster.objects = ["rbd_info", "rbd_directory"]
    assert run(CephPool, cluster, POOL | {"state": "absent"}, check=True)["changed"]
    cluster.objects.append("rbd_data.1")
    with pytest.raises(ResourceError, match=r"Pool vms is not empty \(rbd_data.1\)"):
        run(CephPool, cluster, POOL | {"state": "absent"})
    cluster.options["mon", "mon_allow_pool_delete"] = "false"
    run(CephPool, cluster, POOL | {"state": "absent", "force": True})
    assert not cluster.pools
    assert cluster.options == {("mon", "mon_allow_pool_delete"): "false"}


def test_a_class_of_devices_gets_its_rule(cluster: Cluster) -> None:
    wanted = POOL | {"device_class": "nvme"}
    run(CephPool, cluster, wanted)
    assert cluster.rules[cluster.pools["vms"]["crush_rule"]] == "replicated_nvme"
    assert not run(CephPool, cluster, wanted)["changed"]


def test_more_copies_needed_than_made_is_refused(cluster: Cluster) -> None:
    with pytest.raises(ResourceError, match="min_size 4 is larger than size 3"):
        run(CephPool, cluster, POOL | {"min_size": 4})


EACH = [(CephKey, key(caps=CAPS)), (CephConfig, section(a=1)), (CephPool, POOL)]


@pytest.mark.parametrize(("kind", "item"), EACH)
def test_a_node_without_a_cluster_is_predicted_not_changed(kind: type[CephResource], item: dict[str, Any]) -> None:
    assert run(kind, Absent(), item, check=True)["changed"]
    with pytest.raises(NotInstalled):
        run(kind, Absent(), item)


@pytest.mark.parametrize(("kind", "item"), EACH)
def test_an_unchanged_object_is_only_read(kind: type[CephResource], item: dict[str, Any], cluster: Cluster) -> None:
    run(kind, cluster, item)
    cluster.sent.clear()
    run(kind, cluster, item)
    assert set(cluster.sent) <= {"auth ls", "config dump", "osd crush rule dump", "osd pool ls"}
