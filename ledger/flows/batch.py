"""Many bindings or decisions from one file, in one act: all of its rows, or none where one of them is wrong.

A file is CSV under a header or JSON lines (`ledger.core.tables`); errors name its line. Running it
again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from ledger.core.errors import InputError, LedgerError
from ledger.core.lifecycle import require
from ledger.core.payout import bounded_sum
from ledger.core.records.decisions import Curation, CurationAction, Override
from ledger.core.tables import Form, Row, quoted, read_rows
from ledger.core.values import parse_amount
from ledger.flows.decide import most_units, require_user
from ledger.flows.drafting import Draft, preview, redraft_if_reviewed, require_sound
from ledger.flows.identity import Bound, Wanted, bind_many
from ledger.flows.restricted import require_weighable
from ledger.flows.session import EpochFolder, Session
from ledger.store.append import append_records
from ledger.store.files import write_lock

MOST_BYTES = 20_000_000
"""Of a file."""
ACTIONS = ("exclude", "include", "note", "resolve", "weight")
_HINT = "Put this line right and run the command again; nothing of the file was recorded."
_BINDINGS = Form(("provider", "account"), _HINT)
_CURATION = Form(("action", "event"), _HINT)
_OVERRIDES = Form(("user", "units", "reason"), _HINT)

R = TypeVar("R", Curation, Override)


@dataclass(frozen=True, slots=True)
class Batch:
    """How many rows a file had, how many were new, and the draft where the epoch is in review."""

    rows: int
    added: int
    draft: Draft | None


def bind_file(session: Session, data: bytes, path: str, *, evidence: str, actor: str) -> list[Bound]:
    """Bind the accounts of a file: `provider`, `account`, and where wanted `login`, `evidence`, `user`, `person`.

    `user` is somebody whom the log knows; rows with the same word under `person` become one person. `evidence` is that
    of rows that name none.
    """
    wanted = [
        Wanted(
            _text(row, "provider"),
            _text(row, "account"),
            _optional(row, "login"),
            _optional(row, "evidence") or evidence,
            _optional(row, "user"),
            path,
            line,
            _optional(row, "person"),
        )
        for line, row in _rows(data, path, _BINDINGS, ("provider", "account", "login", "evidence", "user", "person"))
    ]
    return bind_many(session, wanted, actor=actor)


def curate_file(session: Session, folder: EpochFolder, data: bytes, path: str) -> Batch:
    """Record the decisions of a file: `action`, `event`, and as the action needs `reason`, `user`, `milli`, `evidence`.

    `-` under `user` or `milli` clears, as on the command line.
    """
    rows = _rows(data, path, _CURATION, ("action", "event", "reason", "user", "milli", "evidence"))
    with write_lock(session.node.root):
        require("curate", folder.state(), folder.epoch_id)
        actor = session.decider(session.node.scope(folder.scope_id))
        now = preview(session, folder)
        events = {event.id: event for event in now.loaded.outcomes()}

        def record(row: Row, seq: int) -> Curation:
            event, user, milli = _text(row, "event"), _optional(row, "user"), _optional(row, "milli")
            if event not in events:
                raise ValueError(f"epoch {folder.epoch_id} has no event {quoted(event)}")
            if user is not None and user != "-":
                require_user(session, user)
            action = _text(row, "action").lower()
            if action not in ACTIONS:
                raise ValueError(f"action {quoted(action)} is none of {', '.join(ACTIONS)}")
            return Curation.read(
                {
                    **folder.place,
                    "action": cast(CurationAction, action),
                    "actor": actor,
                    "at": session.now,
                    "event_id": event,
                    "evidence": _optional(row, "evidence"),
                    "note": _optional(row, "reason"),
                    "seq": seq,
                    "user_id": None if user == "-" else user,
                    "weight_override_milli": None if milli in (None, "-") else _amount("milli", milli, 2**53 - 1),
                }
            )

        def group(line: Curation) -> tuple[str, str]:
            return line.event_id, "count" if line.action in ("include", "exclude") else line.action

        lines = folder.curation()
        new = _new(rows, path, lines, record, group)
        for line in new:
            require_weighable(session.node.scope(folder.scope_id), line.event_id, line.weight_override_milli)
        most = [
            max(events[line.event_id].units, (line.weight_override_milli or 0) * events[line.event_id].quantity)
            for line in new
        ]
        bounded_sum((*most, *most_units(now.evaluation)), "units")
        if folder.state() == "review":
            require_sound(now)
        append_records(folder.root, folder.path("curation.jsonl"), new)
        return Batch(len(rows), len(new), redraft_if_reviewed(session, folder))


def override_file(session: Session, folder: EpochFolder, data: bytes, path: str) -> Batch:
    """Set the final milli-units of the users of a file: `user`, `units` (`-` clears), `reason`, `evidence`."""
    rows = _rows(data, path, _OVERRIDES, ("user", "units", "reason", "evidence"))
    with write_lock(session.node.root):
        require("override", folder.state(), folder.epoch_id)
        actor = session.decider(session.node.scope(folder.scope_id))
        now = preview(session, folder)

        def record(row: Row, seq: int) -> Override:
            units = _text(row, "units")
            require_user(session, _text(row, "user"))
            return Override.read(
                {
                    **folder.place,
                    "actor": actor,
                    "at": session.now,
                    "evidence": _optional(row, "evidence"),
                    "final_units": None if units == "-" else str(_amount("units", units, 2**63 - 1)),
                    "reason": _text(row, "reason"),
                    "seq": seq,
                    "user_id": _text(row, "user"),
                }
            )

        new = _new(rows, path, folder.overrides(), record, lambda line: (line.user_id, ""))
        final = {line.user_id: line.final_units or 0 for line in new}
        bounded_sum(most_units(now.evaluation, final), "units")
        if folder.state() == "review":
            require_sound(now)
        append_records(folder.root, folder.path("overrides.jsonl"), new)
        return Batch(len(rows), len(new), redraft_if_reviewed(session, folder))


def _new(
    rows: Sequence[tuple[int, Row]],
    path: str,
    lines: Sequence[R],
    record: Callable[[Row, int], R],
    group: Callable[[R], tuple[str, str]],
) -> list[R]:
    """The lines that the rows add to a log: not those that say what stands already."""
    standing = {group(line): line for line in lines}
    found: list[R] = []
    for number, row in rows:
        try:
            line = record(row, len(lines) + len(found) + 1)
        except ValueError as error:
            raise _CURATION.bad(path, number, str(error)) from None
        except LedgerError as error:
            raise InputError(error.message, path=path, line=number, rule=error.rule, hint=error.hint or _HINT) from None
        before = standing.get(group(line))
        volatile = {"at", "seq"}
        if before is None or before.model_dump(exclude=volatile) != line.model_dump(exclude=volatile):
            standing[group(line)] = line
            found.append(line)
    return found


def _rows(data: bytes, path: str, form: Form, known: Sequence[str]) -> list[tuple[int, Row]]:
    """The rows, each with its line; InputError for one with a column that nobody would read."""
    if len(data) > MOST_BYTES:
        raise InputError(f"is larger than {MOST_BYTES} bytes", path=path, hint="Give it in parts.")
    found = []
    for line, row in read_rows(data, path, form):
        for name in row:
            if name not in known:
                raise form.bad(path, line, f"has a column {quoted(name)}; known are {', '.join(known)}")
        for name in form.needed:
            if not _optional(row, name):
                raise form.bad(path, line, f"{name}: missing")
        found.append((line, row))
    return found


def _text(row: Row, name: str) -> str:
    return _optional(row, name) or ""


def _optional(row: Row, name: str) -> str | None:
    value = row.get(name)
    return None if value is None else str(value).strip() or None


def _amount(name: str, text: str | None, most: int) -> int:
    value = parse_amount(text or "")
    if value > most:
        raise ValueError(f"{name}: {value} is more than {most}")
    return value
