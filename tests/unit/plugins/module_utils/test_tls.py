"""The cluster's certificate authority, with Ceph's config-key store as a dictionary."""

from __future__ import annotations

import datetime
import json
from typing import Any, cast

import pytest
from ansible_collections.cairn.hci.plugins.module_utils import _tls
from ansible_collections.cairn.hci.plugins.module_utils._ceph import Cluster
from ansible_collections.cairn.hci.plugins.module_utils._resource import converge
from cryptography import x509

SPEC = {"name": "node1", "dns": ["node1"], "addresses": ["10.0.0.1", "192.0.2.11"], "state": "present"}


class Store:
    """What the monitors keep."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def open(self) -> None:
        """Nothing to connect to."""

    def command(self, command: dict[str, str]) -> Any:
        if command["prefix"] == "config-key dump":
            return {key: value for key, value in self.values.items() if key.startswith(command["key"])}
        if command["prefix"] == "config-key set":
            self.values[command["key"]] = command["val"]
        else:
            del self.values[command["key"]]
        return None


def run(store: Store, *items: dict[str, Any], with_key: bool = False, check_mode: bool = False) -> dict[str, Any]:
    params = {"conf": "", "client": "", "timeout": 1, "prefix": "cairn/tls", "with_key": with_key}
    resource = _tls.TlsCertificate(params)
    resource.cluster = cast(Cluster, store)
    return converge(resource, list(items), check_mode)


def test_a_certificate_is_issued_once_by_one_authority() -> None:
    store = Store()
    assert run(store, SPEC, check_mode=True)["changed"]
    assert store.values == {}

    first = run(store, SPEC, with_key=True)["certificates"][0]
    certificate = x509.load_pem_x509_certificate(first["certificate"].encode())
    authority = x509.load_pem_x509_certificate(first["authority"].encode())
    certificate.verify_directly_issued_by(authority)
    assert "PRIVATE KEY" in first["key"]

    other = run(store, SPEC, {**SPEC, "name": "node2", "dns": ["node2"]})
    assert [entry["changed"] for entry in other["certificates"]] == [False, True]
    assert {entry["authority"] for entry in other["certificates"]} == {first["authority"]}
    assert "PRIVATE KEY" not in json.dumps(other)


def test_new_names_renew_the_certificate_for_the_same_key() -> None:
    store = Store()
    first = run(store, SPEC, with_key=True)["certificates"][0]
    second = run(store, {**SPEC, "addresses": ["10.0.0.9"]}, with_key=True)["certificates"][0]
    assert second["changed"]
    assert second["key"] == first["key"]
    assert second["addresses"] == ["10.0.0.9"]
    assert second["certificate"] != first["certificate"]


def test_the_order_of_names_means_nothing() -> None:
    store = Store()
    run(store, SPEC)
    assert not run(store, {**SPEC, "addresses": SPEC["addresses"][::-1]})["changed"]


def test_a_certificate_about_to_expire_is_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    run(store, SPEC)
    later = _tls.now() + _tls.LIFETIME - datetime.timedelta(days=30)
    monkeypatch.setattr(_tls, "now", lambda: later)
    assert run(store, SPEC)["changed"]
    assert not run(store, SPEC)["changed"]


def test_a_removed_host_has_no_key_left() -> None:
    store = Store()
    run(store, SPEC)
    assert run(store, {**SPEC, "state": "absent"})["changed"]
    assert list(store.values) == ["cairn/tls/ca"]
    assert not run(store, {**SPEC, "state": "absent"})["changed"]
