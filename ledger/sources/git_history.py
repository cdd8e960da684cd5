"""What git says about every commit behind one tip, read once, as the source's raw items: no address survives it.

An author is the SHA-256 of his lower-cased address (specification, section 4), after the tip's own `.mailmap`. Knows
git's answers, not windows, cursors or options' meaning. Hostile commits (any bytes, any date) cost a count, no crash.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from ledger.core.canonical import clean_text, sha256_hex
from ledger.core.errors import SourceError
from ledger.core.values import Timestamp, from_milliseconds
from ledger.core.windows import Window
from ledger.sources.git_repository import Repository

LAST_SECOND = 253_402_300_799
"""9999-12-31T23:59:59Z: the last second that a time of the ledger can name."""
LONGEST_TEXT = 200
"""Characters of a subject line or a name that are kept."""

_FORMAT = "%x00".join(  # with -z each commit also ends by NUL, which no field can hold: git cuts its texts there
    ("%H", "%P", "%at", "%ae", "%aE", "%aN", "%s", "%(trailers:key=Co-authored-by,valueonly,unfold,separator=%x0A)")
)
_FIELDS = 8
_ATOM = r"""[^\s@<>()\[\],;:"'`\\]"""
_ADDRESS = re.compile(rf"(?<!{_ATOM}){_ATOM}+@{_ATOM}*\.[A-Za-z]{{2,}}")
_CONTACT = re.compile(rb"([^<>]*)<\s*([^<>\s]+)\s*>[^<>]*")


class Person(NamedTuple):
    """Who authored: the account, the name as shown (None: it has none that may be), and whether a pattern says bot."""

    account: str
    login: str | None
    bot: bool


class Commit(NamedTuple):
    """One commit. `time` is the author date; `coauthors` holds each person's number, which the event's id carries."""

    time: Timestamp
    oid: str
    parents: int
    title: str
    author: Person
    coauthors: tuple[tuple[int, Person], ...]
    unreadable: int
    """Co-author trailers without an address."""

    @property
    def people(self) -> tuple[tuple[int, Person], ...]:
        """The author, numbered 0, and the co-authors."""
        return (0, self.author), *self.coauthors


class History(Collection[str]):
    """All commits behind `tip`, by time and then id; as a collection, their ids.

    `undated` are the ids of those whose date no time can name; they are in the collection and in no window.
    """

    def __init__(self, tip: str, commits: Sequence[Commit], undated: frozenset[str]) -> None:
        self.tip = tip
        self.commits = sorted(commits)
        self.undated = undated
        self._times = [commit.time for commit in self.commits]
        self._ids = undated.union(commit.oid for commit in commits)

    def __contains__(self, oid: object) -> bool:
        return oid in self._ids

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)

    def between(self, window: Window) -> list[Commit]:
        """The commits of `[start, end)`."""
        return self.commits[bisect_left(self._times, window.start) : bisect_left(self._times, window.end)]

    def before(self, time: Timestamp) -> list[Commit]:
        """The commits earlier than `time`."""
        return self.commits[: bisect_left(self._times, time)]

    def since(self, time: Timestamp) -> list[Commit]:
        """The commits at `time` and later."""
        return self.commits[bisect_left(self._times, time) :]


Contact = tuple[bytes, bytes]
"""Name and address as git gave them."""


def read_history(repository: Repository, tip: str, is_bot: Callable[[str], bool]) -> History:
    """Read all that is behind `tip` in one pass. `is_bot` is asked about each name and each address once."""
    mailmap = {"mailmap.blob": f"{tip}:.mailmap"}
    people = _People(is_bot)
    commits: list[Commit] = []
    undated: set[str] = set()
    credited: dict[int, list[tuple[int, Contact]]] = {}
    stream = repository.stream("log", "-z", "--no-patch", f"--format=tformat:{_FORMAT}", tip, "--", settings=mailmap)
    for oid, parents, seconds, own, address, name, subject, trailers in _records(stream):
        time = _time(seconds)
        if time is None:
            undated.add(oid.decode())
            continue
        contacts, unreadable = _contacts(trailers, own) if trailers else ([], 0)
        if contacts:
            credited[len(commits)] = contacts
        author = people[name, address]
        commits.append(Commit(time, oid.decode(), len(parents.split()), shown_text(subject), author, (), unreadable))
    mapped = _mapped(repository, mailmap, sorted({contact for each in credited.values() for _, contact in each}))
    for index, contacts in credited.items():
        found: dict[str, tuple[int, Person]] = {}
        for number, contact in contacts:
            person = people[mapped[contact]]
            if person.account != commits[index].author.account:
                found.setdefault(person.account, (number, person))
        commits[index] = commits[index]._replace(coauthors=tuple(found.values()))
    return History(tip, commits, frozenset(undated))


def shown_text(raw: bytes) -> str:
    """Text as it may be stored: cleaned, without addresses, cut to `LONGEST_TEXT` characters."""
    text = clean_text(raw[: 16 * LONGEST_TEXT].decode("utf-8", "replace"))  # far past the cut, so none is cut in two
    return _ADDRESS.sub("[address]", text)[:LONGEST_TEXT].strip()


def account_of(address: bytes) -> str:
    """The account of an address: SHA-256 of its lower-cased text."""
    return sha256_hex(address.decode("utf-8", "replace").lower().encode())


class _People(dict[Contact, Person]):
    """Each name and address judged once: a history has few of them, and repeats them on every commit."""

    def __init__(self, is_bot: Callable[[str], bool]) -> None:
        super().__init__()
        self._is_bot = is_bot

    def __missing__(self, contact: Contact) -> Person:
        name, address = contact
        login, mail = shown_text(name), address.decode("utf-8", "replace")
        told = mail and mail.lower() in login.lower()  # an address without a dot, used as a name
        bot = self._is_bot(login) or self._is_bot(mail)
        person = self[contact] = Person(account_of(address), None if told else login or None, bot)
        return person


def _records(chunks: Iterator[bytes]) -> Iterator[list[bytes]]:
    """The fields of each commit out of git's stream."""
    rest: list[bytes] = []
    tail = b""
    for chunk in chunks:
        fields = (tail + chunk).split(b"\0")
        tail = fields.pop()
        rest += fields
        whole = len(rest) // _FIELDS * _FIELDS
        for at in range(0, whole, _FIELDS):
            if len(rest[at]) != 40:
                raise SourceError("git listed commits in another form than asked for", hint="Use git 2.31 or newer.")
            yield rest[at : at + _FIELDS]
        del rest[:whole]
    if rest or tail:
        raise SourceError("git's list of commits ends in the middle of one", hint="Run the command again.")


def _time(seconds: bytes) -> Timestamp | None:
    """The author date, or None where it is missing, negative, or after the year 9999."""
    if not seconds.isdigit() or len(seconds) > 12 or int(seconds) > LAST_SECOND:
        return None
    return from_milliseconds(int(seconds) * 1000)


def _contacts(trailers: bytes, author: bytes) -> tuple[list[tuple[int, Contact]], int]:
    """The people of a commit's trailers, numbered from 1, and how many trailers hold no address.

    An address counts once, the author's own not at all. Numbers come before the mailmap, which may change later: the
    same trailer keeps its number, and so its event's id, for ever.
    """
    found: dict[bytes, Contact] = {}
    unreadable = 0
    for line in trailers.split(b"\n"):
        if (match := _CONTACT.fullmatch(line)) is None:
            unreadable += 1
        elif (address := match[2]).lower() != author.lower():
            found.setdefault(address.lower(), (match[1].strip(), address))
    return list(enumerate(found.values(), start=1)), unreadable


def _mapped(repository: Repository, mailmap: Mapping[str, str], contacts: Sequence[Contact]) -> dict[Contact, Contact]:
    """Each contact as the tip's `.mailmap` has it."""
    if not contacts:
        return {}
    given = b"".join(b"%s <%s>\n" % contact for contact in contacts)
    status, answer = repository.ask("check-mailmap", "--stdin", given=given, settings=mailmap)
    lines = answer.split(b"\n")[:-1]
    if status != 0 or len(lines) != len(contacts):
        raise SourceError(
            f"git could not apply the .mailmap of {repository.shown}", hint="Try `git check-mailmap` on it by hand."
        )
    parts = (line.rpartition(b"<") for line in lines)
    return {
        contact: (name.strip(), address.rstrip(b">"))
        for contact, (name, _, address) in zip(contacts, parts, strict=True)
    }
