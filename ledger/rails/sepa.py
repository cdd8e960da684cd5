"""SEPA credit transfers: an ISO 20022 pain.001.001.09 file with one payment block, as European banks take it.

Every id comes from the plan, so that the same plan gives the same bytes and a bank refuses the file a second time.
Names and IBANs come from the operator's file; nothing of them is stored. Euro only.
"""

from __future__ import annotations

import re
import unicodedata
from xml.etree import ElementTree as xml

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


class _Element:
    """A small writer: `add` gives the child, so that the schema's order can be read off the code."""

    def __init__(self, node: xml.Element) -> None:
        self.node = node

    def add(self, name: str, text: str | None = None, **attributes: str) -> _Element:
        child = xml.SubElement(self.node, name, attributes)
        child.text = text
        return _Element(child)


class Sepa:
    """`sepa.xml`. Options: `debtor_name`, `debtor_iban`, `debtor_bic`, `execution_date` (default: the plan's day)."""

    kind = "sepa"
    needs = ("name", "iban")

    def accepts(self, asset: str) -> bool:
        """The euro."""
        return asset == "iso4217:EUR"

    def files(self, order: Order) -> dict[str, bytes]:
        """One file with all lines."""
        plan = order.plan
        name = latin(order.option("debtor_name"), 70)
        total = decimal_text(sum(line.amount_minor for line in order.lines), plan.decimals)
        message = f"{plan.distribution}-{plan.plan_hash[:20]}"
        root = _Element(xml.Element("Document", {"xmlns": NAMESPACE}))
        body = root.add("CstmrCdtTrfInitn")
        head = body.add("GrpHdr")
        head.add("MsgId", message)
        head.add("CreDtTm", plan.at[:19])
        head.add("NbOfTxs", str(len(order.lines)))
        head.add("CtrlSum", total)
        head.add("InitgPty").add("Nm", name)
        block = body.add("PmtInf")
        block.add("PmtInfId", message)
        block.add("PmtMtd", "TRF")
        block.add("NbOfTxs", str(len(order.lines)))
        block.add("CtrlSum", total)
        block.add("PmtTpInf").add("SvcLvl").add("Cd", "SEPA")
        block.add("ReqdExctnDt").add("Dt", self._day(order))
        block.add("Dbtr").add("Nm", name)
        block.add("DbtrAcct").add("Id").add("IBAN", _iban(order.option("debtor_iban"), "the debtor"))
        self._agent(block.add("DbtrAgt").add("FinInstnId"), _bic(order.option("debtor_bic", ""), "the debtor"))
        block.add("ChrgBr", "SLEV")
        for line in order.lines:
            self._transfer(block.add("CdtTrfTxInf"), order, line)
        xml.indent(root.node)
        return {"sepa.xml": b'<?xml version="1.0" encoding="UTF-8"?>\n' + xml.tostring(root.node) + b"\n"}

    @staticmethod
    def _day(order: Order) -> str:
        day = order.option("execution_date", order.plan.at[:10])
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", day, re.ASCII) is None:
            raise InputError(f"execution_date {day[:40]!r} is no date", hint="For example 2026-03-31.")
        return day

    @staticmethod
    def _agent(place: _Element, bic: str) -> None:
        if bic:
            place.add("BICFI", bic)
        else:
            place.add("Othr").add("Id", "NOTPROVIDED")

    def _transfer(self, place: _Element, order: Order, line: PlanLine) -> None:
        whose = order.names.get(line.user_id) or line.user_id
        place.add("PmtId").add("EndToEndId", line.reference)
        place.add("Amt").add("InstdAmt", order.amount(line), Ccy="EUR")
        bic = _bic(order.payees.get(line.user_id, {}).get("bic", "").strip(), whose)
        if bic:
            place.add("CdtrAgt").add("FinInstnId").add("BICFI", bic)
        place.add("Cdtr").add("Nm", latin(order.payee(line, "name"), 70) or ".")
        place.add("CdtrAcct").add("Id").add("IBAN", _iban(order.payee(line, "iban"), whose))
        note = order.option("note", f"Distribution {order.plan.distribution}")
        place.add("RmtInf").add("Ustrd", latin(f"{note} {line.reference}", 140))
