"""Many receipts at once: who did what on a work item, from options or from the rows of a CSV file.

Points of a role are whole: several people share them as told (`@ann:3`), or as evenly as it goes, the first first.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger.core.errors import FormatError, InputError, LedgerError, UsageError
from ledger.core.receipts import Receipt
from ledger.core.values import Timestamp, parse_amount, parse_time
from ledger.flows.people import find_user
from ledger.flows.session import Session

COLUMNS = ("work_item", "points", "role", "person", "estimate", "artifact")
MOST_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Part:
    """One person's part in a role; `points` None: an even share of what is left of the item's."""

    role: str
    person: str
    points: int | None = None


def part(role: str, text: str) -> Part:
    """`@ann` or `@ann:3`; UsageError for points that are no whole number from 1 on."""
    name, mark, points = text.rpartition(":")
    if not mark or not points.isdecimal():
        return Part(role, text)
    return Part(role, name, whole_points(points, text))


def share(parts: Sequence[Part], work_points: int) -> list[tuple[Part, int]]:
    """Everyone's points in one role; UsageError where a role has more people than points, or more points than are."""
    told = sum(one.points or 0 for one in parts)
    open_parts = [one for one in parts if one.points is None]
    left = work_points - told
    if left < len(open_parts):
        role = parts[0].role
        raise UsageError(
            f"role {role} has {work_points} points, which do not go round",
            rule="RECEIPT_ROLE_BUDGET",
            hint=f"Give each his whole points: --{role} @ann:3 --{role} @ben:2; together at most {work_points}.",
        )
    each, more = divmod(left, len(open_parts)) if open_parts else (0, 0)
    even = iter([each + 1] * more + [each] * (len(open_parts) - more))
    return [(one, one.points if one.points is not None else next(even)) for one in parts]


def receipts_of(
    session: Session,
    scope_id: str,
    work_item_id: str,
    work_points: int,
    parts: Iterable[Part],
    artifact: str,
    issued_at: Timestamp,
) -> list[Receipt]:
    """The receipts of one work item: one for each person in each role. InputError names what is wrong."""
    roles: dict[str, list[Part]] = {}
    for one in parts:
        roles.setdefault(one.role, []).append(one)
    return [
        Receipt.read(
            {
                "artifact_url": artifact,
                "estimate": points,
                "issued_at": issued_at,
                "role": one.role,
                "scope_id": scope_id,
                "user_id": find_user(session, one.person),
                "work_item_id": work_item_id,
                "work_points": work_points,
            }
        )
        for mine in roles.values()
        for one, points in share(mine, work_points)
    ]


def read_table(session: Session, scope_id: str, path: Path, issued_at: Timestamp) -> list[Receipt]:
    """The receipts of a CSV file with the columns `work_item,points,role,person,estimate,artifact`.

    `estimate` may be empty: those of an item and role that have none share its points evenly. An own column
    `issued_at` is taken where there is one. FormatError or InputError names the line.
    """
    rows = list(_rows(path))
    items: dict[str, list[tuple[int, Mapping[str, str]]]] = {}
    for line, row in rows:
        items.setdefault(row["work_item"], []).append((line, row))
    found: dict[int, Receipt] = {}
    for mine in items.values():
        for line, receipt in _item(session, scope_id, path, mine, issued_at):
            found[line] = receipt
    return [found[line] for line in sorted(found)]


def _item(
    session: Session,
    scope_id: str,
    path: Path,
    rows: Sequence[tuple[int, Mapping[str, str]]],
    issued_at: Timestamp,
) -> Iterator[tuple[int, Receipt]]:
    lines = [line for line, _ in rows]
    by_role: dict[str, list[int]] = {}
    for at, (_, row) in enumerate(rows):
        by_role.setdefault(row["role"], []).append(at)
    for places in by_role.values():
        first = places[0]
        try:
            points = whole_points(rows[first][1]["points"], "points")
            parts = [
                Part(rows[at][1]["role"], rows[at][1]["person"], whole_points(rows[at][1]["estimate"], "estimate"))
                if rows[at][1]["estimate"]
                else Part(rows[at][1]["role"], rows[at][1]["person"])
                for at in places
            ]
            shared = share(parts, points)
        except LedgerError as error:
            error.path, error.line = str(path), lines[first]
            raise
        for at, (one, estimate) in zip(places, shared, strict=True):
            line, row = rows[at]
            try:
                time = parse_time(row["issued_at"]) if row.get("issued_at") else issued_at
                told = Part(one.role, one.person, estimate)
                whole = whole_points(row["points"], "points")
                (receipt,) = receipts_of(session, scope_id, row["work_item"], whole, [told], row["artifact"], time)
            except LedgerError as error:
                error.path, error.line = str(path), line
                raise
            except ValueError as error:
                raise FormatError(f"issued_at: {error}", path=str(path), line=line) from None
            yield line, receipt


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", path=str(path)) from None
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    hint = f"The first line names the columns: {','.join(COLUMNS)}."
    try:
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise FormatError(f"has no column {missing[0]}", path=str(path), line=1, hint=hint)
        for row in reader:
            if reader.line_num > MOST_ROWS + 1:
                raise FormatError(f"has more than {MOST_ROWS} rows", path=str(path), hint="Split the file.")
            if None in row or any(value is None for value in row.values()):
                raise FormatError("has not as many cells as columns", path=str(path), line=reader.line_num, hint=hint)
            cells = {name: value.strip() for name, value in row.items()}
            if any(cells.values()):
                yield reader.line_num, cells
    except csv.Error as error:
        raise FormatError(f"is no CSV: {error}", path=str(path), line=reader.line_num) from None


def whole_points(text: str, what: str) -> int:
    """Points as people write them; UsageError for anything but a whole number from 1 on."""
    try:
        found = parse_amount(text)
    except ValueError as error:
        raise UsageError(f"{what}: {error}") from None
    if found < 1:
        raise UsageError(f"{what}: 0 points; a receipt is for at least one", hint="Leave out who did nothing.")
    return found
