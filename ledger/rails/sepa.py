"""SEPA credit transfers: an ISO 20022 pain.001.001.09 file with one payment block, as European banks take it.

Every id comes from the plan, so that the same plan gives the same bytes and a bank refuses the file a second time.
Names and IBANs come from the operator's file; nothing of them is stored. Euro only.
"""

from __future__ import annotations

import re
import unicodedata
from xml.sax.saxutils import escape

from ledger.core.bankdata import is_iban, mask
from ledger.core.distribution import PlanLine
from ledger.core.errors import InputError
from ledger.core.money import decimal_text
from ledger.rails.port import Order

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
_FOREIGN = re.compile(r"[^A-Za-z0-9/\-?:().,'+ ]")
_BIC = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?", re.ASCII)
_LETTERS = str.maketrans({"ß": "ss", "Æ": "AE", "æ": "ae", "Ø": "O", "ø": "o", "Ł": "L", "ł": "l", "Đ": "D", "đ": "d"})


def latin(text: str, limit: int) -> str:
    """`text` in the characters that SEPA allows, cut to `limit`: accents dropped, all else a full stop."""
    plain = text
    if not text.isascii():
        plain = unicodedata.normalize("NFKD", text.translate(_LETTERS))
        plain = "".join(mark for mark in plain if not unicodedata.combining(mark))
    return _FOREIGN.sub(".", plain).strip()[:limit]


def _iban(text: str, whose: str) -> str:
    found = text.replace(" ", "").upper()
    if not is_iban(found):
        raise InputError(f"the IBAN of {whose} has a wrong check or length ({mask(found)})", hint="Correct it there.")
    return found


def _bic(text: str, whose: str) -> str:
    if text and _BIC.fullmatch(text) is None:
        raise InputError(f"the BIC of {whose} is none", hint="8 or 11 characters, or leave it out.")
    return text


def _tag(name: str, text: str, depth: int, attributes: str = "") -> str:
    """One element with text on a line of its own. Ten thousand transfers are written so in a fifth of a tree's time."""
    return f"{'  ' * depth}<{name}{attributes}>{escape(text)}</{name}>\n"


def _block(name: str, inner: str, depth: int) -> str:
    return f"{'  ' * depth}<{name}>\n{inner}{'  ' * depth}</{name}>\n"


class Sepa:
    """`sepa.xml`. Options: `debtor_name`, `debtor_iban`, `debtor_bic`, `execution_date` (default: the plan's day)."""

    kind = "sepa"
    needs = ("name", "iban")
    takes = ("debtor_bic", "debtor_iban", "debtor_name", "execution_date", "note")

    def accepts(self, asset: str) -> bool:
        """The euro."""
        return asset == "iso4217:EUR"

    def files(self, order: Order) -> dict[str, bytes]:
        """One file with all lines."""
        plan = order.plan
        name = latin(order.option("debtor_name"), 70)
        total = decimal_text(sum(line.amount_minor for line in order.lines), plan.decimals)
        message = f"{plan.distribution}-{plan.plan_hash[:20]}"
        counts = _tag("NbOfTxs", str(len(order.lines)), 3) + _tag("CtrlSum", total, 3)
        head = _tag("MsgId", message, 3) + _tag("CreDtTm", plan.at[:19], 3) + counts
        head += _block("InitgPty", _tag("Nm", name, 4), 3)
        block = _tag("PmtInfId", message, 3) + _tag("PmtMtd", "TRF", 3) + counts
        block += _block("PmtTpInf", _block("SvcLvl", _tag("Cd", "SEPA", 5), 4), 3)
        block += _block("ReqdExctnDt", _tag("Dt", self._day(order), 4), 3)
        block += _block("Dbtr", _tag("Nm", name, 4), 3)
        block += _block("DbtrAcct", _account(order.option("debtor_iban"), "the debtor", 4), 3)
        bic = _bic(order.option("debtor_bic", ""), "the debtor")
        bank = _tag("BICFI", bic, 5) if bic else _block("Othr", _tag("Id", "NOTPROVIDED", 6), 5)
        block += _block("DbtrAgt", _block("FinInstnId", bank, 4), 3) + _tag("ChrgBr", "SLEV", 3)
        block += "".join(_block("CdtTrfTxInf", self._transfer(order, line), 3) for line in order.lines)
        body = _block("CstmrCdtTrfInitn", _block("GrpHdr", head, 2) + _block("PmtInf", block, 2), 1)
        text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{NAMESPACE}">\n{body}</Document>\n'
        return {"sepa.xml": text.encode("ascii")}

    @staticmethod
    def _day(order: Order) -> str:
        day = order.option("execution_date", order.plan.at[:10])
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", day, re.ASCII) is None:
            raise InputError(f"execution_date {day[:40]!r} is no date", hint="For example 2026-03-31.")
        return day

    @staticmethod
    def _transfer(order: Order, line: PlanLine) -> str:
        whose = order.names.get(line.user_id) or line.user_id
        bic = _bic(order.payees.get(line.user_id, {}).get("bic", "").strip(), whose)
        note = order.option("note", f"Distribution {order.plan.distribution}")
        return (
            _block("PmtId", _tag("EndToEndId", line.reference, 5), 4)
            + _block("Amt", _tag("InstdAmt", order.amount(line), 5, ' Ccy="EUR"'), 4)
            + (_block("CdtrAgt", _block("FinInstnId", _tag("BICFI", bic, 6), 5), 4) if bic else "")
            + _block("Cdtr", _tag("Nm", latin(order.payee(line, "name"), 70) or ".", 5), 4)
            + _block("CdtrAcct", _account(order.payee(line, "iban"), whose, 5), 4)
            + _block("RmtInf", _tag("Ustrd", latin(f"{note} {line.reference}", 140), 5), 4)
        )


def _account(iban: str, whose: str, depth: int) -> str:
    return _block("Id", _tag("IBAN", _iban(iban, whose), depth + 1), depth)
