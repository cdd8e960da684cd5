"""`data/`: the record over all epochs as tables for spreadsheets and notebooks, described by a data package.

A derived copy: the raw files and statements are the record, and a test holds the sums of both together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pydantic_core import to_json

from ledger.compute.export import Column, Exporter
from ledger.core.canonical import encode
from ledger.core.config import NodeSettings
from ledger.core.evaluate import EventOutcome
from ledger.core.records.statement import Allocation
from ledger.site.datatables import FRICTIONLESS, TABLES
from ledger.site.kept import file_as
from ledger.site.keptfiles import KeptFiles
from ledger.site.render import Press
from ledger.site.spill import FOLDER as SPILL
from ledger.site.spill import Block, Spill, Spilled
from ledger.site.views import EpochPage
from ledger.site.views_events import Titles
from ledger.site.views_people import Contributor

FOLDER = "data"
Row = tuple[object, ...]
ROWS = 50
"""Rows that go into the exporter's file as one line: fifty events are far from what it takes as one."""
ABOUT = (
    "Who did what, how it was valued, what people decided and who gets which part of the pool, over all epochs; "
    "derived from a contribution ledger that anyone can recompute."
)


class Laid(NamedTuple):
    """Rows of a table that wait, and how many they are."""

    block: Block
    rows: int


@dataclass(frozen=True)
class TableFile:
    """One table as two files: their sizes (bytes) and SHA-256, by `csv` and `parquet`; `rows` of it."""

    name: str
    about: str
    columns: tuple[Column, ...]
    rows: int
    files: Mapping[str, tuple[int, str]]


def rows_of(
    page: EpochPage,
    allocations: Iterable[Allocation],
    outcomes: Iterable[EventOutcome],
    titles: Titles,
    corrected: Mapping[str, int] | None,
    called: Mapping[str, str],
) -> dict[str, list[Row]]:
    """One epoch's part of every table. `corrected`: credits of another version in force than the first.

    `called`: what each user is called now, so that a person is one person in every row.
    """
    statement = page.statement
    head = (page.scope_id, page.epoch_id, page.state)
    found: dict[str, list[Row]] = {name: [] for name in TABLES}
    found["epochs"].append(
        (
            *head, _time(statement.period_start), _time(statement.period_end), statement.activity_count,
            page.people_count, statement.pool_total_credits, statement.awards_total_credits, page.pool.allocated,
            page.pool.held_credits, statement.undistributed_credits,
            None if page.state == "open" else statement.statement_hash,
        ),
    )  # fmt: skip
    for payout in statement.payouts:
        now = payout.amount_credits if corrected is None else corrected.get(payout.user_id, 0)
        name = called.get(payout.user_id, payout.user_id[:8])
        found["payouts"].append(
            (
                *head, payout.user_id, name, payout.total_units, payout.share, payout.share_credits,
                payout.award_credits, payout.amount_credits, now,
            ),
        )  # fmt: skip
    for row in allocations:
        name = called.get(row.user_id, row.user_id[:8])
        values = row.user_id, name, row.activity_count, row.proposed_units, row.final_units, row.override_reason
        found["allocations"].append((*head, *values))
    found["events"] = [
        (
            *head, one.id, _time(one.event_time), one.source, one.event_type,
            titles.get((one.path, one.line)), one.artifact_url, one.platform_user_id, one.platform_login,
            one.user_id, one.quantity, one.included, one.units, one.weight_source, one.late, one.path, one.line,
        )
        for one in outcomes
    ]  # fmt: skip
    found["decisions"] += _decided(head, page)
    for signed in page.signatures:
        current = signed.statement_hash == page.statement.statement_hash
        signer = page.people_of.get(signed.signer_wallet)
        found["signatures"].append(
            (
                *head, signed.statement_hash, current, signer, signed.signer_wallet, _time(signed.signed_at),
                signed.signature,
            ),
        )  # fmt: skip
    return found


def _decided(head: tuple[str, int, str], page: EpochPage) -> Iterator[Row]:
    for line in page.curation:
        yield (
            *head, "event", line.seq, _time(line.at), line.actor, line.action, line.event_id, line.user_id,
            line.weight_override_milli, line.note, line.evidence,
        )  # fmt: skip
    for set_to in page.overrides:
        yield (
            *head, "units", set_to.seq, _time(set_to.at), set_to.actor, "override", None, set_to.user_id,
            set_to.final_units, set_to.reason, set_to.evidence,
        )  # fmt: skip


class Dataset:
    """The rows of all tables, laid aside epoch by epoch, and the files of them in the end."""

    def __init__(self, building: Path) -> None:
        self._building = building
        self._waiting: dict[str, list[Laid]] = {name: [] for name in TABLES}

    def add(self, tables: Mapping[str, Laid]) -> None:
        """One epoch's rows (`lay_rows`)."""
        for name, laid in tables.items():
            self._waiting[name].append(laid)

    def people(self, spill: Spill, people: Iterable[Contributor]) -> None:
        """The table of all people."""
        rows: list[Row] = []
        for person in people:
            accounts = " ".join(f"{source}:{account}" for source, account, _ in person.accounts)
            rows.append((person.user_id, person.name, accounts, len(person.shares), person.event_count))
        self.add(lay_rows(spill, {"people": rows}))

    def files(self, press: Press, kept: KeptFiles) -> Iterator[Callable[[], TableFile]]:
        """Have every table written as CSV and Parquet under `data/` of the site; each call waits for one of them."""
        (self._building / "api" / FOLDER).mkdir(parents=True)
        for name in TABLES:
            waiting = self._waiting[name]
            made_from = _hash(self._building, name, waiting) if kept.keeps else ""
            files = kept.take(f"{FOLDER}/{name}", made_from)
            if files is None:
                yield partial(_made, kept, made_from, press.beside(write_table, self._building, name, waiting))
            else:
                forms = {path.rpartition(".")[2]: known for path, known in files.items()}
                yield partial(_table, name, waiting, forms)

    def describe(self, settings: NodeSettings, tables: Sequence[TableFile], as_of: str) -> None:
        """`datapackage.json`: the tables as a data package (Frictionless, Data Package 2)."""
        data = encode(package(settings, tables, as_of)) + b"\n"
        (self._building / "api" / FOLDER / "datapackage.json").write_bytes(data)


def lay_rows(spill: Spill, tables: Mapping[str, Sequence[Row]]) -> dict[str, Laid]:
    """Lay the rows of tables aside, as lines that the exporter reads."""
    return {name: Laid(spill.put(b"".join(_lines(name, rows))), len(rows)) for name, rows in tables.items() if rows}


def _lines(name: str, rows: Sequence[Row]) -> Iterator[bytes]:
    names = [column.name for column in TABLES[name][1]]
    for at in range(0, len(rows), ROWS):
        by_column = dict(zip(names, zip(*rows[at : at + ROWS], strict=True), strict=True))
        yield to_json(by_column) + b"\n"


def write_table(building: Path, name: str, waiting: Sequence[Laid]) -> TableFile:
    """One table's files. `waiting`: its rows, as `lay_rows` laid them aside, in order."""
    columns = TABLES[name][1]
    source, out = Spilled(building / SPILL), building / "api" / FOLDER / name
    lines = building / f"{name}.jsonl"
    with lines.open("wb") as file:
        for laid in waiting:
            file.write(source.read(laid.block))
    source.close()
    exporter = Exporter(building)
    exporter.export(lines, columns, out)
    exporter.close()
    lines.unlink()
    return _table(name, waiting, {form: file_as(out.with_name(f"{name}.{form}")) for form in ("csv", "parquet")})


def _table(name: str, waiting: Sequence[Laid], files: Mapping[str, tuple[int, str]]) -> TableFile:
    return TableFile(name, *TABLES[name], sum(laid.rows for laid in waiting), files)


def _made(kept: KeptFiles, made_from: str, written: Callable[[], TableFile]) -> TableFile:
    """A table that was written, kept."""
    table = written()
    kept.keep(
        f"{FOLDER}/{table.name}",
        made_from,
        {f"{FOLDER}/{table.name}.{form}": known for form, known in table.files.items()},
    )
    return table


def _hash(building: Path, name: str, waiting: Sequence[Laid]) -> str:
    """The hash over all rows of a table."""
    source, found = Spilled(building / SPILL), hashlib.sha256(name.encode())
    for laid in waiting:
        found.update(source.read(laid.block))
    source.close()
    return found.hexdigest()


def _time(text: str) -> str:
    """A time as a TIMESTAMP is read: UTC without saying so."""
    return text.removesuffix("Z")


def licence_address(licence: str) -> str:
    """Where a licence's text stands, by its SPDX identifier."""
    return f"https://spdx.org/licenses/{licence}.html"


def package(settings: NodeSettings, tables: Sequence[TableFile], as_of: str) -> dict[str, Any]:
    """The data package. Times are those of the record, so that the same node gives the same bytes."""
    licence = settings.data_license
    resources = [
        {
            "bytes": table.files[form][0],
            "description": table.about,
            "encoding": "utf-8",
            "format": form,
            "hash": f"sha256:{table.files[form][1]}",
            "mediatype": {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}[form],
            "name": table.name if form == "csv" else f"{table.name}-{form}",
            "path": f"{table.name}.{form}",
            "schema": {
                "fields": [
                    {"description": column.about, "name": column.name, "type": FRICTIONLESS[column.type]}
                    for column in table.columns
                ],
                "missingValues": [""],
            },
            "type": "table",
        }
        for table in tables
        for form in table.files
    ]
    found: dict[str, Any] = {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "description": ABOUT,
        "id": settings.node_id,
        "name": "contribution-ledger",
        "resources": resources,
        "title": settings.name,
    }
    if as_of:
        found["created"] = as_of
    if licence:
        found["licenses"] = [{"name": licence, "path": licence_address(licence)}]
    if settings.site_url:
        found["homepage"] = settings.site_url
    return found


def linked_data(settings: NodeSettings, tables: Sequence[TableFile], as_of: str) -> str:
    """The same for search engines: schema.org/Dataset as JSON-LD that may stand inside a page."""
    base = f"{settings.site_url.rstrip('/')}/{FOLDER}/" if settings.site_url else ""
    found: dict[str, Any] = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "description": ABOUT,
        "distribution": [
            {
                "@type": "DataDownload",
                "contentSize": f"{size} B",
                "contentUrl": f"{base}{table.name}.{form}",
                "encodingFormat": "text/csv" if form == "csv" else "application/vnd.apache.parquet",
                "name": f"{table.name}.{form}",
                "sha256": digest,
            }
            for table in tables
            for form, (size, digest) in table.files.items()
        ],
        "identifier": settings.node_id,
        "isAccessibleForFree": True,
        "name": settings.name,
    }
    if as_of:
        found["dateModified"] = as_of
    if settings.data_license:
        found["license"] = licence_address(settings.data_license)
    if base:
        found["url"] = base
    # no markup can begin inside a script element whose text has no "<"
    return encode(found).decode().replace("<", "\\u003c")
