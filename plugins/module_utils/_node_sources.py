# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the sources of packages and images answer; asked only when something is to be fetched.

Private to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import OpenerDirector, ProxyHandler, Request, build_opener, getproxies

from ansible_collections.cairn.hci.plugins.module_utils._node import output, read_text
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object

TIMEOUT = 5.0
Source = tuple[str, str]
_LINE = re.compile(r"^deb\s+(?:\[[^]]*]\s+)?(\S+)\s+(\S+)", re.MULTILINE)


def of_list(text: str) -> Iterator[Source]:
    """URI and suite of each line of a sources.list."""
    for match in _LINE.finditer(text):
        yield match[1], match[2]


def of_deb822(text: str) -> Iterator[Source]:
    """URI and suite of each stanza of a .sources file (man 5 sources.list)."""
    for stanza in re.split(r"\n\s*\n", re.sub(r"^#.*\n?", "", text, flags=re.MULTILINE)):
        fields = {
            key.lower(): value.split()
            for key, value in re.findall(r"^([\w-]+):((?:.*\n?)(?:[ \t].*\n?)*)", stanza, re.MULTILINE)
        }
        if fields.get("enabled", ["yes"])[0].lower() in ("no", "false") or "deb" not in fields.get("types", []):
            continue
        yield from ((uri, suite) for uri in fields.get("uris", []) for suite in fields.get("suites", []))


def of_options(options: Object) -> list[Source]:
    """URI and suite of a source given as the options of a .sources file, lists or words."""
    fields = {key.lower(): value.split() if isinstance(value, str) else value or [] for key, value in options.items()}
    return [(uri, suite) for uri in fields.get("uris", []) for suite in fields.get("suites", [])]


def configured(root: Path = Path("/")) -> list[Source]:
    """Every source that apt would ask."""
    directory = root / "etc/apt"
    lists = [directory / "sources.list", *sorted(directory.glob("sources.list.d/*.list"))]
    found = [source for file in lists for source in of_list(read_text(file))]
    found += [
        source for file in sorted(directory.glob("sources.list.d/*.sources")) for source in of_deb822(read_text(file))
    ]
    return list(dict.fromkeys(found))


def release_file(source: Source) -> str:
    """Where the index of a source is; a suite with a slash is a directory itself."""
    uri, suite = source
    return (
        f"{uri.rstrip('/')}/{suite}InRelease" if suite.endswith("/") else f"{uri.rstrip('/')}/dists/{suite}/InRelease"
    )


def proxies() -> dict[str, str]:
    """The proxies that apt would use."""
    found = dict(getproxies())
    for scheme in ("http", "https"):
        proxy = output("apt-config", "dump", "--format", "%v%n", f"Acquire::{scheme}::Proxy").strip()
        if proxy:
            found[scheme] = proxy
            found.setdefault("https", proxy)
    return found


def problem(source: Source, proxy: dict[str, str]) -> str | None:
    """Why a source can't be used; None when it can."""
    address = release_file(source)
    scheme = urlsplit(address).scheme
    if scheme in ("file", "copy"):
        return None if Path(urlsplit(address).path).exists() else "there is no such directory"
    if scheme not in ("http", "https"):
        return None
    opener = build_opener(ProxyHandler(proxy))
    return refusal(opener, Request(address, method="HEAD")) and refusal(
        opener, Request(address.removesuffix("InRelease") + "Release", method="HEAD")
    )


def refusal(opener: OpenerDirector, request: Request) -> str | None:
    """Why a server does not give what is asked for; None when it does."""
    try:
        opener.open(request, timeout=TIMEOUT).close()
    except HTTPError as error:
        return f"{error.code} {error.reason}"
    except (URLError, OSError, ValueError) as error:
        return str(getattr(error, "reason", error))
    return None


def unreachable(sources: list[Source]) -> list[Object]:
    """The sources that can't be used, each with the reason; all are asked at once."""
    proxy = proxies()
    with ThreadPoolExecutor(max_workers=8) as pool:
        reasons = list(pool.map(lambda source: problem(source, proxy), sources))
    return [
        {"uri": uri, "suite": suite, "reason": reason}
        for (uri, suite), reason in zip(sources, reasons, strict=True)
        if reason
    ]


def unreachable_urls(urls: list[str]) -> dict[str, str]:
    """Why each of `urls` can't be fetched, by URL; not all servers know HEAD, so the first byte is asked for."""
    opener = build_opener()
    asked = {url: refusal(opener, Request(url, headers={"Range": "bytes=0-0"})) for url in urls}
    return {url: reason for url, reason in asked.items() if reason}
