"""How long libvirt itself takes to connect and to list all domains with their XML: prints seconds and the number."""

from __future__ import annotations

import json
import time

import libvirt

start = time.monotonic()
with libvirt.openReadOnly("qemu:///system") as connection:
    domains = [domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE) for domain in connection.listAllDomains()]
print(json.dumps({"seconds": time.monotonic() - start, "domains": len(domains)}))
