# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster's certificate authority and the certificates of its nodes, kept in Ceph's config-key store.

The store is replicated by the monitors and readable only with administrative caps, so the authority outlives any node
and nothing secret lies on the controller. Keys are ECDSA P-256, as libvirt's and QEMU's GnuTLS accept by default.

Private to the collection.
"""

from __future__ import annotations

import datetime
import importlib
import ipaddress
import json
from typing import Any

from ansible_collections.cairn.hci.plugins.module_utils._ceph import CephResource
from ansible_collections.cairn.hci.plugins.module_utils._resource import Change, MissingLibrary, Object

LIFETIME = datetime.timedelta(days=3650)
RENEWAL = datetime.timedelta(days=90)
START = datetime.timedelta(days=1)


def crypto(part: str) -> Any:
    """Return a part of python3-cryptography, such as `x509`."""
    try:
        return importlib.import_module(f"cryptography.{part}")
    except ImportError as error:
        raise MissingLibrary("cryptography", "python3-cryptography", error) from error


def now() -> datetime.datetime:
    """The present time, in UTC and without a zone, as certificates have it."""
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None, microsecond=0)


def new_key() -> Any:
    """Make a private key."""
    ec = crypto("hazmat.primitives.asymmetric.ec")
    return ec.generate_private_key(ec.SECP256R1())


def key_text(key: Any) -> str:
    """The PKCS #8 PEM text of a private key."""
    form = crypto("hazmat.primitives.serialization")
    pem: bytes = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    return pem.decode()


def load_key(text: str) -> Any:
    """The private key of a PEM text."""
    return crypto("hazmat.primitives.serialization").load_pem_private_key(text.encode(), None)


def load_certificate(text: str) -> Any:
    """The certificate of a PEM text."""
    return crypto("x509").load_pem_x509_certificate(text.encode())


def builder(subject: str, issuer: Any, public_key: Any) -> Any:
    """A certificate without extensions, valid from yesterday for ten years."""
    x509 = crypto("x509")
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer or name)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - START)
        .not_valid_after(now() + LIFETIME)
    )


def sign(certificate: Any, key: Any) -> str:
    """Sign what `builder` made; return PEM text."""
    signed = certificate.sign(key, crypto("hazmat.primitives.hashes").SHA256())
    pem: bytes = signed.public_bytes(crypto("hazmat.primitives.serialization").Encoding.PEM)
    return pem.decode()


def make_authority(name: str) -> Object:
    """Make an authority that may sign certificates of hosts and nothing else."""
    x509, key = crypto("x509"), new_key()
    usage = dict.fromkeys(
        ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
    ) | {"encipher_only": False, "decipher_only": False, "key_cert_sign": True, "crl_sign": True}
    certificate = (
        builder(name, None, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
    )
    return {"certificate": sign(certificate, key), "key": key_text(key)}


def make_certificate(authority: Object, wanted: Object, key: Any) -> Object:
    """Make a host's certificate, for servers and for clients: a node is both when it migrates a guest."""
    x509, usage = crypto("x509"), crypto("x509").oid.ExtendedKeyUsageOID
    names = [x509.DNSName(name) for name in wanted["dns"]]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in wanted["addresses"]]
    certificate = (
        builder(wanted["name"], load_certificate(authority["certificate"]).subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([usage.SERVER_AUTH, usage.CLIENT_AUTH]), critical=False)
    )
    return {"certificate": sign(certificate, load_key(authority["key"])), "key": key_text(key)}


def expiry(certificate: Any) -> datetime.datetime:
    """When a certificate ends. Debian 12's cryptography has only the property that later versions deprecate."""
    if hasattr(certificate, "not_valid_after_utc"):
        aware: datetime.datetime = certificate.not_valid_after_utc
        return aware.replace(tzinfo=None)
    naive: datetime.datetime = certificate.not_valid_after
    return naive


def to_dict(name: str, stored: Object) -> Object:
    """What a stored certificate says."""
    x509, certificate = crypto("x509"), load_certificate(stored["certificate"])
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {
        "name": name,
        "dns": sorted(names.get_values_for_type(x509.DNSName)),
        "addresses": sorted(str(address) for address in names.get_values_for_type(x509.IPAddress)),
        "expires": expiry(certificate).isoformat(),
        "certificate": stored["certificate"],
    }


class TlsCertificate(CephResource):
    """Certificates of hosts, signed by the cluster's own authority."""

    plural = "certificates"

    def read(self, wanted: list[Object] | None) -> dict[str, Object]:
        """Return the stored certificates; one command for all."""
        prefix = self.params["prefix"]
        dump = self.cluster.command({"prefix": "config-key dump", "key": f"{prefix}/"}) or {}
        self.stored: dict[str, Object] = {
            key.removeprefix(f"{prefix}/"): json.loads(text) for key, text in dump.items()
        }
        names = set(self.stored) - {"ca"} if wanted is None else {item["name"] for item in wanted}
        authority = self.stored.get("ca", {}).get("certificate")
        return {
            name: to_dict(name, self.stored[name]) | {"authority": authority} | self.secret(name)
            for name in names & set(self.stored)
        }

    def secret(self, name: str) -> Object:
        """The private key, only where it was asked for."""
        return {"key": self.stored[name]["key"]} if self.params.get("with_key") else {}

    def normalise(self, wanted: Object, current: Object | None) -> Object:
        """Sort the names, whose order means nothing."""
        return wanted | {"dns": sorted(wanted["dns"]), "addresses": sorted(wanted["addresses"])}

    def plan(self, current: Object | None, wanted: Object) -> list[Change]:
        """Compare the names; renew what expires within 90 days."""
        changes = super().plan(current, wanted)
        if current and wanted["state"] == "present":
            expires = datetime.datetime.fromisoformat(current["expires"])
            if expires < now() + RENEWAL:
                changes.append(Change("expires", current["expires"], (now() + LIFETIME).isoformat()))
        return changes

    def apply(self, current: Object | None, wanted: Object, changes: list[Change]) -> None:
        """Issue a certificate for the host's key, or remove both."""
        name = wanted["name"]
        if wanted["state"] == "absent":
            self.cluster.command({"prefix": "config-key rm", "key": f"{self.params['prefix']}/{name}"})
            return
        if "ca" not in self.stored:
            self.store("ca", make_authority(f"{self.params['prefix']} certificate authority"))
        key = load_key(self.stored[name]["key"]) if current else new_key()
        self.store(name, make_certificate(self.stored["ca"], wanted, key))

    def store(self, name: str, pair: Object) -> None:
        """Keep a certificate and its key."""
        self.cluster.command(
            {"prefix": "config-key set", "key": f"{self.params['prefix']}/{name}", "val": json.dumps(pair)}
        )
        self.stored[name] = pair
