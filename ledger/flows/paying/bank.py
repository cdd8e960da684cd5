"""What a bank or a provider says was paid: camt.053 statements, and CSV files of one's own, as lines with a reference.

Only the reference, the amount, the currency and the bank's own id of an entry are read; names and accounts are not.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn
from xml.etree import ElementTree as xml

from ledger.core.bankdata import private_text
from ledger.core.canonical import sha256_hex
from ledger.core.distribution import PlanLine, Settlement
from ledger.core.errors import FormatError, InputError
from ledger.core.money import Minor, parse_decimal

_REFERENCE = re.compile(r"(?<![0-9a-f-])[1-9][0-9]{0,8}-[0-9a-f]{16}(?![0-9a-f])")
MAX_FILE = 100_000_000
_OURS = re.compile(r"[0-9a-f]{16}:[0-9]+")
"""A reference that `read_bank_file` made of a table's hash and row."""


@dataclass(frozen=True, slots=True)
class BankLine:
    """One payment that left: our reference, minor units, currency, and what the bank calls it."""

    reference: str
    amount_minor: Minor
    currency: str
    bank_ref: str
    day: str

    @property
    def nameless(self) -> bool:
        """Whether the bank calls it nothing, so that another payment of that day looks the same."""
        return self.bank_ref == _stand_in(self.day, self.reference)


def read_bank_file(data: bytes, name: str, decimals: int, currency: str) -> list[BankLine]:
    """The payments of a camt.053 file, or of a CSV with `reference`, `amount` and what else it has.

    Raises FormatError for anything that is neither; entries without a reference of ours are passed over.
    """
    if len(data) > MAX_FILE:
        raise InputError("file is larger than 100 MB", path=name)
    if data.lstrip()[:1] == b"<":
        return list(_camt(data, name, decimals))
    return list(_table(data, name, decimals, currency))


def _camt(data: bytes, name: str, decimals: int) -> Iterator[BankLine]:
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise FormatError("declares a document type or entities, which no bank statement does", path=name)
    try:
        root = xml.fromstring(data)  # noqa: S314 - no document type, so no entity can be declared
    except xml.ParseError as error:
        raise FormatError(f"is no XML: {error}", path=name) from None
    space = root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""
    if not space.startswith("{urn:iso:std:iso:20022:tech:xsd:camt.053.001."):
        raise FormatError("is no camt.053 statement", path=name, hint="A CSV with reference,amount works too.")
    for entry in root.iter(f"{space}Ntry"):
        status = entry.find(f"{space}Sts")
        booked = "".join(status.itertext()).strip() if status is not None else ""
        if entry.findtext(f"{space}CdtDbtInd") != "DBIT" or booked != "BOOK":
            continue
        if entry.findtext(f"{space}RvslInd", "false") in ("true", "1"):
            continue
        bank_ref = entry.findtext(f"{space}AcctSvcrRef") or entry.findtext(f"{space}NtryRef") or ""
        day = (entry.findtext(f"{space}BookgDt/{space}Dt") or entry.findtext(f"{space}BookgDt/{space}DtTm") or "")[:10]
        details = entry.findall(f"{space}NtryDtls/{space}TxDtls") or [entry]
        for count, detail in enumerate(details, start=1):
            text = detail.findtext(f"{space}Refs/{space}EndToEndId") or ""
            if _REFERENCE.fullmatch(text) is None:
                text = " ".join(part.text or "" for part in detail.iter(f"{space}Ustrd"))
            match = _REFERENCE.search(text)
            if match is None:
                continue
            amount = detail.find(f"{space}Amt")
            if amount is None:
                amount = detail.find(f"{space}AmtDtls/{space}TxAmt/{space}Amt")
            if amount is None and len(details) == 1:
                amount = entry.find(f"{space}Amt")
            if amount is None:
                raise FormatError(f"the entry with reference {match[0]} has no amount of its own", path=name)
            own = detail.findtext(f"{space}Refs/{space}AcctSvcrRef") or detail.findtext(f"{space}Refs/{space}TxId")
            ref = own or (f"{bank_ref}/{count}" if len(details) > 1 else bank_ref) or _stand_in(day, match[0])
            value = _amount(amount.text or "", decimals, name, match[0])
            yield BankLine(match[0], value, amount.get("Ccy", ""), _public(ref, name), day)


def is_another(entry: Settlement | None, first: str | None, mine: PlanLine, line: BankLine, currency: str) -> bool:
    """Whether the bank's line is another payment than the one that settled: by its amount, or by its own reference.

    `entry`: what settled the plan's line before this file; `first`: the reference of the file's first payment of it.
    """
    if (line.amount_minor, line.currency) != (mine.amount_minor, currency):
        return True
    evidence = entry.evidence if entry is not None else {}
    recorded = str(evidence.get("ref")) if evidence.get("kind") == "bank_ref" else None
    if first is not None and (line.bank_ref not in (first, recorded) or (line.nameless and line.bank_ref == first)):
        return True
    if recorded is None:
        return False
    made = any(_OURS.fullmatch(ref) for ref in (recorded, line.bank_ref))  # of a table that has none: by us, each time
    return not made and recorded != line.bank_ref


def _stand_in(day: str, reference: str) -> str:
    return f"{day}/{reference}"


def _table(data: bytes, name: str, decimals: int, currency: str) -> Iterator[BankLine]:
    try:
        rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        head = {(column or "").strip().lower(): column for column in rows.fieldnames or ()}
        if not {"reference", "amount"} <= head.keys():
            raise FormatError(
                "has no columns reference and amount",
                path=name,
                line=1,
                hint="Columns: reference, amount and, where there are, currency, bank_ref, date.",
            )
        for row in rows:
            cell = {key: (row.get(column) or "").strip() for key, column in head.items() if column}
            match = _REFERENCE.fullmatch(cell["reference"])
            if match is None:
                continue
            value = _amount(cell["amount"].removeprefix("-"), decimals, name, match[0])
            ref = cell.get("bank_ref") or f"{sha256_hex(data)[:16]}:{rows.line_num}"
            yield BankLine(
                match[0], value, cell.get("currency") or currency, _public(ref, name), cell.get("date", "")[:10]
            )
    except UnicodeDecodeError:
        raise FormatError("is neither XML nor a CSV in UTF-8", path=name) from None
    except csv.Error as error:
        raise FormatError(f"is no CSV: {error}", path=name) from None


def _amount(text: str, decimals: int, name: str, reference: str) -> Minor:
    try:
        whole, _, fraction = text.strip().partition(".")
        kept = fraction.rstrip("0")
        return parse_decimal(f"{whole}.{kept}" if kept else whole, decimals)
    except InputError as error:
        _refuse(f"the amount of {reference}: {error.message}", name)


def _refuse(message: str, name: str) -> NoReturn:
    raise FormatError(message, path=name)


def _public(ref: str, name: str) -> str:
    found = private_text(ref)
    if found is not None:
        _refuse(f"a reference of the bank holds {found}, which may not enter the record", name)
    return ref
