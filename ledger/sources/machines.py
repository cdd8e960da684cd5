"""Machines are not people: the kept list of programs that write under an address or account of their own.

The list is `machines.toml` beside this file, with its sources and its date; every source asks it the same way. Only an
address, an account's number or login, or a platform's own mark decides, never a display name. Pure, but for reading
that file once.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from ledger.core.identity import noreply_number

MARKED = "marked"
"""What stands for the name of a machine that no entry names, but that says of itself that it is one: `[bot]`."""

_MARK = re.compile(r"\[bot\](@|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Machine:
    """One entry: its key (which counts in a run's record carry as `machine_<key>`), name, and where that is shown.

    `addresses` in lower case; `numbers` and `logins` (lower case) are of GitHub.
    """

    key: str
    name: str
    source: str
    addresses: frozenset[str]
    numbers: frozenset[int]
    logins: frozenset[str]


@dataclass(frozen=True, slots=True)
class Machines:
    """The kept list. Each question gives the key of the machine that it is about, or None for what is none."""

    as_of: str
    entries: tuple[Machine, ...]
    _by_address: dict[str, str]
    _by_number: dict[int, str]
    _by_login: dict[str, str]

    def of_address(self, address: str) -> str | None:
        """The machine that writes commits under an address; GitHub's noreply addresses go by their number."""
        address = address.lower()
        if number := noreply_number(address):
            found = self.of_github(int(number), None)
        else:
            found = self._by_address.get(address)
        return found or (MARKED if _MARK.search(address) else None)

    def of_name(self, name: str) -> str | None:
        """A name marks a machine only by `[bot]` at its end, which GitHub keeps for programs."""
        return MARKED if _MARK.search(name.rstrip()) else None

    def of_github(self, number: int | None, login: str | None) -> str | None:
        """The machine behind an account of GitHub, by its number or else its login."""
        login = (login or "").lower()
        found = self._by_number.get(number or 0) or self._by_login.get(login.removesuffix("[bot]"))
        return found or (MARKED if _MARK.search(login) else None)

    def title(self, key: str) -> str:
        """The name of a machine by its key, for people."""
        return next((each.name for each in self.entries if each.key == key), "marked [bot]")


@cache
def kept() -> Machines:
    """The list as this version of the ledger has it."""
    data = tomllib.loads((files("ledger.sources") / "machines.toml").read_text("utf-8"))
    as_of = data.pop("as_of")
    entries = tuple(_entries(data))
    return Machines(
        as_of.isoformat(),
        entries,
        {address: each.key for each in entries for address in each.addresses},
        {number: each.key for each in entries for number in each.numbers},
        {login: each.key for each in entries for login in each.logins},
    )


def _entries(data: dict[str, Any]) -> Iterator[Machine]:
    for key, entry in data.items():
        github: dict[str, str] = entry.get("github", {})
        yield Machine(
            key,
            entry["name"],
            entry["source"],
            frozenset(address.lower() for address in entry.get("addresses", ())),
            frozenset(map(int, github)),
            frozenset(login.lower() for login in github.values()),
        )
