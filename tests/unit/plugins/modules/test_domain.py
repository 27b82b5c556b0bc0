"""domain and domain_info, against libvirt's own test driver."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

libvirt = pytest.importorskip("libvirt")

Run = Callable[..., dict[str, Any]]
URI = "test:///default"
WEB: dict[str, Any] = {
    "name": "web1",
    "vcpus": 1,
    "memory": "1GiB",
    "disks": [{"name": "root", "pool": "vms", "image": "web1.root"}],
    "nics": [{"name": "lan", "bridge": "lan"}],
    "cloud_init": {"pool": "vms", "image": "web1.seed"},
}


@pytest.fixture
def connection() -> Iterator[Any]:
    """The driver forgets everything with its last connection; it begins with a running domain called test."""
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    found = libvirt.open(URI)
    yield found
    for domain in found.listAllDomains():
        if domain.isActive():
            domain.destroy()
        if domain.name() != "test":
            domain.undefine()
    found.close()


@pytest.fixture
def domain(run_module: Run, connection: Any) -> Run:
    """Run the module `domain` and return its result; `failed` is its message."""
    return lambda **options: run_module("domain", uri=URI, **options)


def test_a_domain_is_created_kept_changed_and_removed(domain: Run, connection: Any) -> None:
    assert domain(**WEB, check_mode=True)["changed"]
    assert "web1" not in {one.name() for one in connection.listAllDomains()}

    created = domain(**WEB)
    assert created["changed"]
    assert created["domains"][0]["memory_max"] == "4GiB"
    assert created["diff"]["before"] == {"web1": {}}
    assert connection.lookupByName("web1").isPersistent()
    again = domain(**WEB)
    assert not again["changed"]
    assert again["diff"] == {"before": {}, "after": {}}

    check = domain(**{**WEB, "memory": "2GiB"}, check_mode=True)
    changed = domain(**{**WEB, "memory": "2GiB"})
    assert (
        check["diff"]
        == changed["diff"]
        == {"before": {"web1": {"memory": "1GiB"}}, "after": {"web1": {"memory": "2GiB"}}}
    )
    assert check["domains"] == changed["domains"]
    assert not domain(**{**WEB, "memory": "2GiB"})["changed"]

    assert domain(name="web1", state="absent", check_mode=True)["changed"]
    assert connection.lookupByName("web1").isPersistent()
    assert domain(name="web1", state="absent")["domains"] == [{"name": "web1", "state": "absent", "changed": True}]
    assert not domain(name="web1", state="absent")["changed"]


def test_power(domain: Run, connection: Any) -> None:
    domain(**WEB)
    assert domain(**WEB)["domains"][0]["power"] == "stopped"
    for power in ("running", "paused", "running", "stopped"):
        assert domain(**WEB, power=power, check_mode=True)["domains"][0]["power"] == power
        assert domain(**WEB, power=power)["domains"][0]["power"] == power
        assert not domain(**WEB, power=power)["changed"]
    assert domain(**WEB, power="running", autostart=True)["diff"]["after"] == {
        "web1": {"power": "running", "autostart": True}
    }
    assert connection.lookupByName("web1").autostart() == 1
    assert not domain(**WEB)["changed"]


def test_a_running_domain_is_removed(domain: Run, connection: Any) -> None:
    domain(**WEB, power="running")
    assert domain(name="web1", state="absent")["changed"]
    assert "web1" not in {one.name() for one in connection.listAllDomains()}


def test_what_needs_a_restart_is_reported_until_it_happened(domain: Run, connection: Any) -> None:
    domain(**WEB, power="running")
    changed = domain(**WEB, watchdog=True)
    assert changed["changed"]
    assert changed["domains"][0]["restart_fields"] == ["watchdog"]
    again = domain(**WEB, watchdog=True)
    assert not again["changed"]
    assert again["domains"][0]["restart_required"]
    number = connection.lookupByName("web1").ID()
    allowed = domain(**WEB, watchdog=True, restart="allowed")
    assert allowed["changed"]
    assert "restart_required" not in allowed["domains"][0]
    assert connection.lookupByName("web1").ID() != number
    assert not domain(**WEB, watchdog=True, restart="allowed")["changed"]
    assert "restart_required" not in domain(**WEB, watchdog=True)["domains"][0]


def test_live_changes_of_text_and_vcpus(domain: Run, connection: Any) -> None:
    domain(**WEB, power="running")
    changed = domain(**{**WEB, "vcpus": 3}, description="new")
    assert "restart_required" not in changed["domains"][0]
    running = connection.lookupByName("web1").XMLDesc()
    assert "<description>new<" in running
    assert "current='3'" in running
    assert not domain(**{**WEB, "vcpus": 3}, description="new")["changed"]


def test_what_the_running_domain_refused_waits(domain: Run, connection: Any) -> None:
    """This driver can't plug devices; a later run tries again."""
    domain(**WEB, power="running")
    more = {**WEB, "nics": [*WEB["nics"], {"name": "dmz", "bridge": "dmz"}]}
    for _time in range(2):
        assert "domain web1: nics.dmz of the running domain" in domain(**more)["msg"]
    assert "dmz" in connection.lookupByName("web1").XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    assert domain(**WEB)["changed"]
    assert "restart_required" not in domain(**WEB)["domains"][0]


def test_many_in_one_call(domain: Run) -> None:
    domains = [{**WEB, "name": f"vm{number}"} for number in range(5)]
    assert [one["changed"] for one in domain(domains=domains)["domains"]] == [True] * 5
    domains[2] = {**WEB, "name": "vm2", "vcpus": 2}
    domains[3] = {"name": "vm3", "state": "absent"}
    result = domain(domains=domains)
    assert [one["changed"] for one in result["domains"]] == [False, False, True, True, False]
    assert [one["state"] for one in result["domains"]] == ["present"] * 3 + ["absent", "present"]


def test_one_bad_domain_stops_all(domain: Run, connection: Any) -> None:
    domains = [WEB, {**WEB, "name": "bad", "memory": "2"}, {"name": "worse", "disks": [{"name": "a"}]}]
    result = domain(domains=domains)
    assert result["failed"]
    assert result["msg"].count("\n") == 1
    assert "bad: memory: '2' is not a size" in result["msg"]
    assert "web1" not in {one.name() for one in connection.listAllDomains()}


def test_a_uuid_of_another_domain_is_refused(domain: Run, connection: Any) -> None:
    result = domain(name="copy", uuid=connection.lookupByName("test").UUIDString())
    assert result["failed"]
    assert "domain copy: " in result["msg"]
    assert "already defined" in result["msg"] or "already exists" in result["msg"]


def test_a_domain_of_another_tool_is_adopted(domain: Run, connection: Any) -> None:
    connection.defineXML("""<domain type='test'><name>old</name><memory unit='MiB'>512</memory><vcpu>2</vcpu>
        <metadata><x:a xmlns:x='urn:x' kept='yes'/></metadata><os><type>hvm</type></os><devices>
        <disk type='file' device='disk'><source file='/old.img'/><target dev='hda' bus='ide'/></disk>
        <interface type='bridge'><source bridge='br0'/><mac address='52:54:00:00:00:01'/></interface>
        <graphics type='vnc' port='-1' passwd='hush'/></devices></domain>""")
    before = connection.lookupByName("old").UUIDString()
    options: dict[str, Any] = {
        "disks": [{"name": "root", "file": "/old.img"}],
        "nics": [{"name": "lan", "bridge": "br0"}],
    }
    assert domain(name="old", title="x", **options)["changed"]
    assert not domain(name="old", title="x", **options)["changed"]
    xml = connection.lookupByName("old").XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE)
    for kept in ('kept="yes"', "52:54:00:00:00:01", "bus='ide'", "hush", before):
        assert kept in xml, kept


def test_a_guest_that_does_not_shut_down_is_an_error(
    domain: Run, connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    domain(**WEB, power="running")
    monkeypatch.setattr(libvirt.virDomain, "shutdown", lambda _self: 0)
    result = domain(**WEB, power="stopped", shutdown_timeout=0)
    assert "web1: the guest did not shut down within 0 s" in result["msg"]
    assert connection.lookupByName("web1").isActive()
    assert domain(**WEB, power="stopped", shutdown_timeout=0, force_after=True)["domains"][0]["power"] == "stopped"


def test_errors_are_sentences(run_module: Run) -> None:
    result = run_module("domain_info", uri="test:///no/such/file")
    assert result["failed"]
    assert "libvirt test:///no/such/file" in result["msg"]


def test_check_mode_without_libvirt_predicts(run_module: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "libvirt", None)
    assert run_module("domain", uri=URI, **WEB, check_mode=True)["changed"]
    assert "python3-libvirt" in run_module("domain", uri=URI, **WEB)["msg"]


def test_info_returns_all_or_some(domain: Run, run_module: Run) -> None:
    created = domain(**WEB, power="running")["domains"][0]
    every = run_module("domain_info", uri=URI)["domains"]
    assert [one["name"] for one in every] == ["test", "web1"]
    found = run_module("domain_info", uri=URI, name=["web1", "nobody"], xml="live")["domains"]
    assert [one["name"] for one in found] == ["web1"]
    assert found[0].pop("xml").startswith("<domain type='test' id=")
    assert found[0] == {key: value for key, value in created.items() if key not in {"changed", "state"}}
