"""Move in from an older system: people become bindings, its share-outs history, its balances opening balances.

Nothing is guessed: an account is bound where the older file tells it for certain, or a person says so in a table. The
dry run does everything but write. Importing the same again changes nothing; until an approver signs, `undo` takes
balances and history away again. What is written, and what is signed: specification, section 11.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from ledger.core.bankdata import private_text
from ledger.core.bounds import SHARD_BYTES
from ledger.core.canonical import encode, sha256_hex
from ledger.core.distribution import Opening
from ledger.core.errors import CredentialsError, InputError, StateError
from ledger.core.history import Converted, OpeningSource, System, Totals, convert, opening_records, read_line
from ledger.core.identity import AccountKey, known_users, new_user_id, resolve_accounts
from ledger.core.values import UserId
from ledger.flows.accounts import account_key
from ledger.flows.identity import Wanted, bind_many
from ledger.flows.paying.opening import text_of
from ledger.flows.paying.people import acting_approver
from ledger.flows.session import Session
from ledger.imports import people as lists
from ledger.imports import sourcecred
from ledger.imports.found import Alias, HistoryDraft, Identity
from ledger.imports.scores import compute_again, read_scores
from ledger.imports.weights import proposed_weights
from ledger.sources.titles import one_line
from ledger.store.files import remove_file, write_file, write_lock
from ledger.store.paylayout import history_path, opening_path, opening_signatures_path, source_path
from ledger.store.payments import on_disk

SCORES = ("output/credGrainView", "output/credGrainView.json", "output/accounts.json")
AGAIN_AT_MOST = 200_000
"""Receipts up to which past share-outs are computed again."""


KEPT_AT_MOST = 3_000_000
"""Receipts up to which the history is kept while the file is read; a longer file is read twice, so that memory is
bounded (about 130 bytes a receipt)."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a person says about an import: the rate, who is left out, accounts that he knows, where the file is from."""

    rate: int | None = None
    decimals: int = 0
    leave_out: tuple[str, ...] = ()
    accounts: bytes | None = None
    accounts_name: str = "accounts"
    origin: str = ""
    show_names: bool = True


@dataclass
class Report:
    """What an import found and did, or would do. Amounts in the older system's minor units, as its `decimals` say."""

    system: System
    scope_id: str
    file_sha256: str
    unit: str
    decimals: int
    people: int = 0
    bound: int = 0
    unbound: list[tuple[str, str, str]] = field(default_factory=list)
    """(person, provider/name, why): accounts that nobody is bound to by this."""
    left_out: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    again: dict[str, int] = field(default_factory=dict)
    """How many past share-outs could be computed again, and why the others could not."""
    total_minor: int = 0
    nobody_minor: int = 0
    total_credits: int = 0
    remainder_minor: int = 0
    balances: list[tuple[str, str, int]] = field(default_factory=list)
    """(person, user, credits), the largest first."""
    weights: str = ""
    wallets: int = 0
    text: str = ""
    written: bool = False
    changed: bool = False


def import_sourcecred(session: Session, scope_id: str, folder: Path, terms: Terms, *, write: bool) -> Report:
    """Read a SourceCred instance; with `write`, bring it into the scope. InputError names its file and line."""
    path = folder / "data" / "ledger.json"
    replay, digest, kept = sourcecred.Replay(), hashlib.sha256(), list[HistoryDraft]()
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
        except OSError as error:
            raise InputError(
                f"no ledger of SourceCred: {error.strerror}",
                path=str(path),
                hint="Name the folder of an instance: the one with sourcecred.json, config/ and data/.",
            ) from None
        size = path.stat().st_size
        if size > 50_000_000:
            replay.given = None  # only for computing again, which is told as not tried
        session.tell(f"reading {path.name}: {size:,} bytes")
        try:
            for number, event in sourcecred.events(_hashed(file, digest)):
                kept += replay.step(number, event)
                if replay.receipts > KEPT_AT_MOST:
                    kept.clear()
        except InputError as error:
            raise error.at(str(path)) from None
    identities = replay.identities()
    report = Report("sourcecred", scope_id, digest.hexdigest(), "grain", sourcecred.DECIMALS)
    report.counts = {"share-outs": replay.allocations, "receipts": replay.receipts}
    if replay.off_budget:
        report.counts["share-outs whose receipts are not their budget"] = len(replay.off_budget)
    report.again = _again(folder, replay, identities)
    report.weights = _weights(folder)
    report.wallets = sum(len(each.wallets) for each in identities)

    def drafts() -> Iterator[HistoryDraft]:
        if replay.receipts <= KEPT_AT_MOST:
            yield from kept
            return
        again = sourcecred.Replay()
        again.given = None
        with path.open("rb") as file:
            for number, event in sourcecred.events(file):
                yield from again.step(number, event)

    return _bring(session, identities, drafts, terms, report, path.name, write=write)


def import_list(session: Session, scope_id: str, system: System, path: Path, terms: Terms, *, write: bool) -> Report:
    """Read a list of people of another system; with `write`, bring it into the scope as `import_sourcecred` does."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=str(path)) from None
    if system == "all-contributors":
        found = lists.all_contributors(data, str(path))
    elif system == "opencollective":
        found = lists.open_collective(data, str(path))
    else:
        found = lists.table(data, str(path), terms.decimals)
    report = Report(system, scope_id, sha256_hex(data), "unit", terms.decimals, left_out=dict(found.left_out))
    kinds = Counter(str(line["kind"]) for line in found.lines)
    report.counts = {f"entries: {kind}": count for kind, count in sorted(kinds.items())}
    if found.undated:
        report.counts["entries without date"] = found.undated
    return _bring(session, list(found.people.values()), lambda: found.lines, terms, report, path.name, write=write)


def undo(session: Session, scope_id: str, system: System) -> bool:
    """Take an import away while nobody has signed its balances: whether there was one. Bindings stay, being true."""
    acting_approver(session.node.scope(scope_id), session.actor)
    files, root = on_disk(session.node.root, session.node.node_id), session.node.root
    with write_lock(root):
        source = files.sources(scope_id).get(system)
        names = [history_path(scope_id, system, n) for n, _ in enumerate(files.history(scope_id, system), start=1)]
        if source is None and not names:
            return False
        if source is not None and source.credits_per_unit:
            if files.read(opening_signatures_path(scope_id)):
                raise StateError(
                    "opening balances that somebody signed stay",
                    path=opening_signatures_path(scope_id),
                    rule="BALANCE_CONSERVED",
                    hint="A wrong balance is put right by a waiver or an award of an epoch.",
                )
            names.append(opening_path(scope_id))
        for name in (source_path(scope_id, system), *names):
            remove_file(root, name)
    return True


def _hashed(file: BinaryIO, digest: hashlib._Hash) -> Iterator[bytes]:
    for line in file:
        digest.update(line)
        yield line


def _bring(
    session: Session,
    identities: Sequence[Identity],
    drafts: Callable[[], Iterable[HistoryDraft]],
    terms: Terms,
    report: Report,
    file_name: str,
    *,
    write: bool,
) -> Report:
    """Everything is reckoned out before anything is written."""
    node, scope_id = session.node, report.scope_id
    actor = acting_approver(node.scope(scope_id), session.actor) if write else ""
    wanted, users = _bindings(session, identities, terms, report, terms.origin or file_name)
    report.people, report.bound = len(identities), len(wanted)
    packed = _Packed(session, scope_id, report.system, write)
    for each in identities:
        name = one_line(each.name) if terms.show_names else ""
        for own in each.ids:
            packed.add({"id": own, "kind": "person", "name": name, "user_id": users.get(each.ids[0])})
    for draft in drafts():
        packed.add(draft)
    packed.flush()
    totals = packed.totals
    rate = 0
    if totals.nobody.earned or any(each.earned for each in totals.people.values()):
        if write and terms.rate is None:
            raise InputError("at what rate?", hint="Add --credits-per-unit: whole credits for one unit there.")
        rate = 1 if terms.rate is None else terms.rate
    converted = convert(totals.people, rate, report.decimals) if rate else Converted({}, 0, 0, 0)
    names = {users.get(each.ids[0]): each.name for each in identities}
    report.balances = sorted(
        ((names[user], user, figures[0]) for user, figures in converted.people.items()),
        key=lambda row: (-row[2], row[1]),
    )
    report.total_minor, report.nobody_minor = converted.total_minor, totals.nobody.balance
    report.total_credits, report.remainder_minor = converted.total_credits, converted.remainder_minor
    if not write:
        return report
    facts = {
        "credits_per_unit": str(rate),
        "decimals": report.decimals,
        "file_name": one_line(file_name),
        "file_sha256": report.file_sha256,
        "history_lines": totals.lines,
        "history_sha256": packed.digest.hexdigest(),
        "node_id": node.node_id,
        "origin": one_line(terms.origin),
        "remainder_minor": str(converted.remainder_minor),
        "schema": "opening-source/1",
        "scope_id": scope_id,
        "system": report.system,
        "total_credits": str(converted.total_credits),
        "total_minor": str(converted.total_minor),
        "unit": report.unit,
    }
    openings = opening_records(node.node_id, scope_id, converted) if rate else None
    report.changed = _write(session, OpeningSource.read(facts), packed.files, openings, wanted, actor)
    report.written = True
    report.text = text_of(session, scope_id) if openings else ""
    return report


def _bindings(
    session: Session, identities: Sequence[Identity], terms: Terms, report: Report, evidence: str
) -> tuple[list[Wanted], dict[str, UserId]]:
    """The bindings that follow for certain, and each identity's user. Who holds such an account here already is him."""
    log = session.node.bindings()
    held, used, told = resolve_accounts(log), known_users(log), _told_accounts(terms)
    without = {name.lower() for name in terms.leave_out}
    unknown = without - {each.name.lower() for each in identities}
    if unknown:
        raise InputError(f"nobody is called {min(unknown)!r} there", hint="--leave-out takes the name shown.")
    collected = {entry.source for scope in session.node.scopes.values() for entry in scope.sources}
    wanted: list[Wanted] = []
    users: dict[str, UserId] = {}
    taken: set[AccountKey] = set()
    for each in identities:
        if each.name.lower() in without:
            report.left_out[f"by name: {each.name}"] = 1
            continue
        keys: list[tuple[AccountKey, str, int]] = []
        own = [Alias("sourcecred", name, name, each.line) for name in each.ids] if report.system == "sourcecred" else []
        for alias in (*own, *each.aliases):
            account = alias.account or told.get((alias.provider, alias.name.lower()))
            why = "the file does not tell its number"
            if alias.provider == "wallet":
                why = "the file states it without a proof; a wallet proves itself (ledger identity prove)"
            if alias.provider == "discord" and "discord" not in collected:
                why = "no scope collects from Discord, so it could match nothing; add the source and import again"
            elif alias.provider == "discord" and account is None:
                why = "is a bot's"
            elif account is not None:
                try:
                    key = account_key(session, alias.provider, account)
                except (CredentialsError, InputError) as error:
                    why = error.message
                else:
                    if key not in taken:
                        taken.add(key)
                        keys.append((key, account, alias.line))
                        continue
                    why = "is somebody else's in this file too"
            report.unbound.append((each.name, f"{alias.provider} {alias.name}", why))
        if not keys:
            continue
        people = sorted({held[key] for key, _, _ in keys if key in held})
        if len(people) > 1:
            raise InputError(
                f"the accounts of {each.name} (line {each.line}) are two people's here: {', '.join(people)}",
                hint="Unbind one (ledger identity unbind), or leave this person out with --leave-out.",
            )
        user = people[0] if people else new_user_id(session.node.node_id, *keys[0][0], used)
        users[each.ids[0]] = user
        login = one_line(each.name) if terms.show_names else None
        for key, account, line in keys:
            place = f"{evidence} sha256:{report.file_sha256} line {line}"
            wanted.append(Wanted(key[0], account, login, place, people[0] if people else None, person=each.ids[0]))
    return wanted, users


def _told_accounts(terms: Terms) -> dict[tuple[str, str], str]:
    """A table `provider,name,account` of what a person looked up."""
    if terms.accounts is None:
        return {}
    found: dict[tuple[str, str], str] = {}
    try:
        rows = csv.DictReader(io.StringIO(terms.accounts.decode("utf-8-sig"), newline=""), strict=True)
        if not {"provider", "name", "account"} <= set(rows.fieldnames or ()):
            raise InputError("has no columns provider, name and account", path=terms.accounts_name, line=1)
        for row in rows:
            if row["account"]:
                found[(row["provider"] or "").strip(), (row["name"] or "").strip().lower()] = row["account"].strip()
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"is no CSV in UTF-8: {error}", path=terms.accounts_name) from None
    return found


class _Packed:
    """History lines on their way into files of at most `SHARD_BYTES`; in a dry run they are only reckoned with."""

    def __init__(self, session: Session, scope_id: str, system: System, write: bool) -> None:
        self.session, self.scope_id, self.system, self.write = session, scope_id, system, write
        self.totals, self.digest = Totals(), hashlib.sha256()
        self.files: list[bytes] = []
        self._buffer: list[bytes] = []
        self._size = 0

    def add(self, draft: HistoryDraft) -> None:
        """One more line."""
        fields = {
            **draft,
            "node_id": self.session.node.node_id,
            "scope_id": self.scope_id,
            "seq": self.totals.lines + 1,
        }
        if "memo" in fields:
            fields["memo"] = _public(fields["memo"])
        record = read_line(fields)
        self.totals.add(record)
        if not self.write:
            return
        line = encode(fields) + b"\n"
        if self._size + len(line) > SHARD_BYTES:
            self.flush()
        self.digest.update(line)
        self._buffer.append(line)
        self._size += len(line)

    def flush(self) -> None:
        """Close the file that is being filled."""
        if self._buffer:
            self.files.append(b"".join(self._buffer))
        self._buffer, self._size = [], 0


def _public(memo: object) -> str:
    text = one_line(str(memo))[:200]
    found = private_text(text)
    return f"(left out: held {found})" if found else text


def _write(
    session: Session,
    source: OpeningSource,
    history: Sequence[bytes],
    openings: Sequence[Opening] | None,
    wanted: Sequence[Wanted],
    actor: str,
) -> bool:
    """Bindings, history, balances, and the source last, so that a killed run can be run again. False: all was there."""
    root, system, scope_id = session.node.root, source.system, source.scope_id
    data = source.encode() + b"\n"
    balances = b"".join(line.encode() + b"\n" for line in openings or ())
    files = on_disk(root, session.node.node_id)
    before, stored = files.read(source_path(scope_id, system)), files.read(opening_path(scope_id))
    others = [name for name, each in files.sources(scope_id).items() if each.credits_per_unit and name != system]
    other = stored is not None and openings is not None and (stored != balances or bool(others))
    if other or before not in (None, data):
        raise StateError(
            "another import, or other opening balances, are on record in this scope",
            path=opening_path(scope_id) if other else source_path(scope_id, system),
            rule="BALANCE_CONSERVED",
            hint=f"Until somebody signs, an import can be taken away: ledger import undo {system}.",
        )
    bound = bind_many(session, wanted, actor=actor)
    with write_lock(root):
        for number, each in enumerate(history, start=1):
            write_file(root, history_path(scope_id, system, number), each)
        if openings is not None:
            write_file(root, opening_path(scope_id), balances)
        write_file(root, source_path(scope_id, system), data)
    return before is None or any(each.added for each in bound)


def _again(folder: Path, replay: sourcecred.Replay, identities: Sequence[Identity]) -> dict[str, int]:
    if replay.given is None or replay.receipts > AGAIN_AT_MOST:
        return {"not tried, since there are so many": replay.allocations}
    scores = None
    for name in SCORES:
        path = folder / name
        if path.is_file():
            scores = read_scores(path.read_bytes(), str(path))
            break
    now: Mapping[str, str] = {own: each.ids[0] for each in identities for own in each.ids}
    return dict(sorted(Counter(compute_again(replay.given, scores, now)).items()))


def _weights(folder: Path) -> str:
    path = folder / "config" / "weights.json"
    plugins = {f"sourcecred/{each.name}" for each in (folder / "config" / "plugins" / "sourcecred").glob("*")}
    return proposed_weights(path.read_bytes() if path.is_file() else None, str(path), plugins)
