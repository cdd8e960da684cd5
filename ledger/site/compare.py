"""Is the site that is served the one that was built? Fetches every file of the built site's index and compares SHA-256.

The list is the one beside us and never the one that is fetched; nothing of what arrives is kept or run.
"""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from ledger.core.canonical import foreign_json, sha256_hex
from ledger.core.errors import InputError
from ledger.site.apifiles import ROOT

INDEX = f"{ROOT}/index.json"
AT_ONCE = 8
TIMEOUT = 30
"""Seconds without a byte after which a request is given up."""
FIRST_PAUSE = 5.0
"""Seconds before what differs is fetched again; each further pause is twice as long."""
MOST_INDEX_BYTES = 100_000_000


@dataclass(frozen=True, order=True)
class Difference:
    """One file that is not as it was built: its path in the site, and what is wrong with it in words."""

    path: str
    problem: str


@dataclass(frozen=True)
class Comparison:
    """How many files were compared, and those that differ, by path."""

    files: int
    differences: tuple[Difference, ...]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Every file lies where the index says; another address is a difference."""
        return


def compare_site(
    url: str, site: Path, *, patience: float = 180.0, pause: Callable[[float], None] = time.sleep
) -> Comparison:
    """Compare what `url` serves with the built site in `site`.

    What differs is fetched again until `patience` seconds of pauses are used up, since a deployment takes a while to
    arrive everywhere. Raises InputError for an address that is neither https nor on this machine, and for a folder
    without a built site.
    """
    base = _checked(url)
    index = _index(site)
    expected = {str(entry["path"]): (int(entry["size"]), str(entry["sha256"])) for entry in index["files"]}
    own = (site / INDEX).read_bytes()
    expected[INDEX] = (len(own), sha256_hex(own))
    opener = urllib.request.build_opener(_NoRedirect)
    problems = dict.fromkeys(sorted(expected), "")
    waited, next_pause = 0.0, FIRST_PAUSE
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while True:
            found = pool.map(lambda path: (path, _problem(opener, base, path, *expected[path])), list(problems))
            problems = {path: problem for path, problem in found if problem}
            if not problems or waited + next_pause > patience:
                break
            pause(next_pause)
            waited, next_pause = waited + next_pause, next_pause * 2
    differences = [Difference(path, problem) for path, problem in problems.items()]
    if INDEX in problems:
        differences += _left_behind(opener, base, expected.keys())
    return Comparison(len(expected), tuple(sorted(differences)))


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        raise InputError(f"{url} is neither https nor on this machine", hint="Name the site's https:// address.")
    if parts.query or parts.fragment or parts.username is not None:
        raise InputError(f"{url} is no plain address of a site", hint="Leave out user names, ? and #.")
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _index(site: Path) -> dict[str, Any]:
    path = site / INDEX
    try:
        found: dict[str, Any] = foreign_json(path.read_bytes())
    except FileNotFoundError:
        hint = "Build it with `ledger site build --out DIR` and name DIR with --site."
        raise InputError("there is no built site", path=str(path), hint=hint) from None
    except ValueError:
        raise InputError("is no JSON", path=str(path), hint="Build the site again.") from None
    return found


def _fetch(opener: urllib.request.OpenerDirector, base: str, path: str, most: int, key: str) -> bytes | str:
    """At most `most` bytes of a file, or what is wrong in words. `key` tells caches new content from old."""
    address = f"{base}/{quote(path)}?{key[:16]}"
    request = urllib.request.Request(address, headers={"Cache-Control": "no-cache"})  # noqa: S310 - https or loopback
    try:
        with opener.open(request, timeout=TIMEOUT) as answer:
            data: bytes = answer.read(most)
            return data
    except urllib.error.HTTPError as error:
        error.close()
        return "is missing" if error.code == 404 else f"is answered with status {error.code}"
    except (OSError, http.client.HTTPException) as error:
        return f"cannot be fetched: {error}"


def _problem(opener: urllib.request.OpenerDirector, base: str, path: str, size: int, digest: str) -> str:
    """What is wrong with one file; empty when it has the very bytes that were built."""
    answer = _fetch(opener, base, path, size + 1, digest)
    if isinstance(answer, str):
        return answer
    if len(answer) != size:
        return f"is {'longer' if len(answer) > size else 'shorter'} than the {size} bytes that were built"
    return "" if sha256_hex(answer) == digest else f"has SHA-256 {sha256_hex(answer)}, not {digest}"


def _left_behind(opener: urllib.request.OpenerDirector, base: str, expected: Set[str]) -> Iterator[Difference]:
    """Files that the index there lists and ours does not: of an older or of another build."""
    answer = _fetch(opener, base, INDEX, MOST_INDEX_BYTES, "all")
    try:
        listed = {str(entry["path"]) for entry in foreign_json(answer)["files"]} if isinstance(answer, bytes) else set()
    except (ValueError, TypeError, KeyError):
        return
    for path in sorted(listed - expected):
        yield Difference(path, "is listed there and not here: of an older build?")
