"""What git says about every commit behind one tip, read once, as the source's raw items: no address survives it.

An author is the account of his address (specification, section 3), after the tip's own `.mailmap` unless that account
is bound. Knows git's answers, not windows, cursors or options' meaning. Hostile commits (any bytes, any date) cost a
count, no crash.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ledger.core.canonical import clean_text
from ledger.core.errors import SourceError
from ledger.core.identity import git_account
from ledger.core.values import Timestamp, from_milliseconds
from ledger.core.windows import Window
from ledger.sources.git_repository import OID, Repository
from ledger.sources.machines import Machines
from ledger.sources.titles import DIRECTIONS
from ledger.sources.trailers import MARK, Contact, read_coauthors

LAST_SECOND = 253_402_300_799
"""9999-12-31T23:59:59Z: the last second that a time of the ledger can name."""
LONGEST_TEXT = 200
"""Characters of a subject line or a name that are kept."""

_FORMAT = "%x00".join(  # with -z each commit also ends by NUL, which no field can hold: git cuts its texts there
    ("%H", "%P", "%T", "%at", "%ae", "%an", "%aE", "%aN", "%s", "%B")
)
_FIELDS = 10
_MARK = MARK.encode()
_EMPTY_TREE = b"4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_REVERTS = re.compile(rb"^This reverts commit ([0-9a-f]{40})\b", re.MULTILINE)
MOST_REVERTS = 8
"""Commits that one message is taken to undo."""
_ATOM = r"""[^\s@<>()\[\],;:"'`\\]"""
_ADDRESS = re.compile(rf"(?<!{_ATOM}){_ATOM}+@({_ATOM}*\.[A-Za-z]{{2,}}|localhost\b)", re.IGNORECASE)

BY_PATTERN = "pattern"
"""Why somebody is left out whom a pattern of the options names; all other reasons are keys of kept machines."""


class Person(NamedTuple):
    """Who authored: the account, and the name as shown (None: it has none that may be).

    `left_out`: BY_PATTERN, or the key of the machine that it is; None for people. `written_as`: the account that the
    commit itself names, where the project's `.mailmap` gives it to another; `kept`: it would, but the account is bound.
    """

    account: str
    login: str | None
    left_out: str | None = None
    written_as: str | None = None
    kept: bool = False


class Commit(NamedTuple):
    """One commit. `time` is the author date; `coauthors` holds each person's number, which the event's id carries."""

    time: Timestamp
    oid: str
    parents: int
    title: str
    author: Person
    coauthors: tuple[tuple[int, Person], ...]
    unreadable: int
    """Co-authors without an address."""
    empty: bool
    """It has one parent or none, and changes nothing."""
    reverts: tuple[str, ...]
    """The commits that it says it undoes."""

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


Written = tuple[bytes, bytes, bytes, bytes]
"""Address and name as the commit has them, and as the `.mailmap` has them."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Who counts: `patterns` asks the options about a name or an address; `machines` is the kept list, or None for
    machines that count; `bound` are the accounts that somebody holds, over which no `.mailmap` and no list decides.
    """

    patterns: Callable[[str], bool]
    machines: Machines | None
    bound: Collection[str]

    def person(self, written: Written) -> Person:
        """Whom a contact stands for."""
        raw_address, raw_name, address, name = written
        own, mapped = account_of(raw_address), account_of(address)
        kept = own != mapped and own in self.bound
        if kept:
            address, name = raw_address, raw_name
        account = own if kept else mapped
        login, mail = shown_text(name), address.decode("utf-8", "replace")
        told = mail and mail.lower() in login.lower()  # an address without a dot, used as a name
        left_out = BY_PATTERN if self.patterns(login) or self.patterns(mail) else None
        if left_out is None and self.machines is not None and account not in self.bound:
            machine = self.machines.of_address(raw_address.decode("utf-8", "replace"))
            left_out = machine or self.machines.of_address(mail) or self.machines.of_name(login)
        return Person(account, None if told else login or None, left_out, None if account == own else own, kept)


def read_history(repository: Repository, tip: str, judge: Judge) -> History:
    """Read all that is behind `tip` in one pass. The judge is asked about each name and address once."""
    mailmap = {"mailmap.blob": f"{tip}:.mailmap"}
    people = _People(judge)
    commits: list[Commit] = []
    undated: set[str] = set()
    credited: dict[int, tuple[Contact, ...]] = {}
    empty = _Empty()
    stream = repository.stream("log", "-z", "--no-patch", f"--format=tformat:{_FORMAT}", tip, "--", settings=mailmap)
    for oid, parents, tree, seconds, raw_address, raw_name, address, name, subject, body in _records(stream):
        time = _time(seconds)
        empty.seen(oid, tree)
        if time is None:
            undated.add(oid.decode())
            continue
        unreadable = 0
        if _MARK in body.lower():
            contacts, unreadable = read_coauthors(body.decode("utf-8", "replace"))
            if contacts:
                credited[len(commits)] = contacts
        reverts = _REVERTS.findall(body)[:MOST_REVERTS] if b"This reverts commit" in body else ()
        above = parents.split()
        empty.asked(len(commits), above, tree)
        author = people[raw_address, raw_name, address, name]
        undone = tuple(other.decode() for other in dict.fromkeys(reverts))
        commits.append(
            Commit(time, oid.decode(), len(above), shown_text(subject), author, (), unreadable, False, undone)
        )
    mapped = _mapped(repository, mailmap, sorted({contact for each in credited.values() for contact in each}))
    for index, contacts in credited.items():
        found: dict[str, tuple[int, Person]] = {}
        for number, contact in enumerate(contacts, start=1):
            person = people[mapped[contact]]
            if person.account != commits[index].author.account:
                found.setdefault(person.account, (number, person))
        commits[index] = commits[index]._replace(coauthors=tuple(found.values()))
    for index in empty.indexes(repository):
        commits[index] = commits[index]._replace(empty=True)
    return History(tip, commits, frozenset(undated))


class _Empty:
    """Which commits change nothing: their tree is that of their one parent, or they have none and hold no file.

    git lists a parent after its children, but for clocks that went wrong: so a parent's tree is waited for, and what
    had passed before it was asked for is looked up at the end.
    """

    def __init__(self) -> None:
        self._found: list[int] = []
        self._waiting: dict[bytes, list[tuple[int, bytes]]] = {}

    def asked(self, index: int, parents: Sequence[bytes], tree: bytes) -> None:
        """Note a commit whose parent is still to come."""
        if not parents and tree == _EMPTY_TREE:
            self._found.append(index)
        elif len(parents) == 1:
            self._waiting.setdefault(parents[0], []).append((index, tree))

    def seen(self, oid: bytes, tree: bytes) -> None:
        """Answer those who waited for this commit."""
        for index, child in self._waiting.pop(oid, ()):
            if child == tree:
                self._found.append(index)

    def indexes(self, repository: Repository) -> list[int]:
        """All that were found."""
        left = sorted(self._waiting)
        for at in range(0, len(left), 500):
            some = left[at : at + 500]
            words = [f"{oid.decode()}^{{tree}}" for oid in some]
            status, answer = repository.ask("rev-parse", "--end-of-options", *words)
            trees = [line for line in answer.split() if OID.fullmatch(line.decode("ascii", "replace"))]
            if status != 0 or len(trees) != len(some):
                raise SourceError(f"git could not name the trees of {repository.shown}", hint="Try `git fsck` on it.")
            for oid, tree in zip(some, trees, strict=True):
                self.seen(oid, tree)
        return self._found


def shown_text(raw: bytes) -> str:
    """Text as it may be stored: cleaned, without addresses, cut to `LONGEST_TEXT` characters."""
    text = clean_text(raw[: 16 * LONGEST_TEXT].decode("utf-8", "replace"))  # far past the cut, so none is cut in two
    return DIRECTIONS.sub("\ufffd", _ADDRESS.sub("[address]", text))[:LONGEST_TEXT].strip()


def account_of(address: bytes) -> str:
    """The account of an address as git gave it."""
    return git_account(address.decode("utf-8", "replace"))


class _People(dict[Written, Person]):
    """Each name and address judged once: a history has few of them, and repeats them on every commit."""

    def __init__(self, judge: Judge) -> None:
        super().__init__()
        self._judge = judge

    def __missing__(self, written: Written) -> Person:
        person = self[written] = self._judge.person(written)
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


def _mapped(repository: Repository, mailmap: Mapping[str, str], contacts: Sequence[Contact]) -> dict[Contact, Written]:
    """Each contact as it was written and as the tip's `.mailmap` has it."""
    if not contacts:
        return {}
    raw = [(contact.name.encode(), contact.address.encode()) for contact in contacts]
    given = b"".join(b"%s <%s>\n" % pair for pair in raw)
    status, answer = repository.ask("check-mailmap", "--stdin", given=given, settings=mailmap)
    lines = answer.split(b"\n")[:-1]
    if status != 0 or len(lines) != len(contacts):
        raise SourceError(
            f"git could not apply the .mailmap of {repository.shown}", hint="Try `git check-mailmap` on it by hand."
        )
    parts = (line.rpartition(b"<") for line in lines)
    return {
        contact: (address, name, mapped.rstrip(b">"), shown.strip())
        for contact, (name, address), (shown, _, mapped) in zip(contacts, raw, parts, strict=True)
    }
