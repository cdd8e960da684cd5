"""Bank details and mail addresses: recognised, so that they never enter a node (specification, section 11).

An IBAN is taken for one only with its country's length and a right check (ISO 13616, ISO 7064 mod 97-10), so that
hashes and ids are left in peace.
"""

from __future__ import annotations

import re

_LENGTHS = {
    15: "NO",
    16: "BE",
    18: "AX DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE GG IE IM JE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "AO CV GW LY MZ PT ST",
    26: "DZ IR IS TR",
    27: "BI BL CF CG CM DJ FR GA GF GP GQ GR IT KM MC MF MG MQ MR NC PF PM RE SM TD TF WF YT",
    28: "AL AZ BF BJ BY CI CY DO GT HN HU LB MA ML NE NI PL SN SV TG",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
LENGTHS: dict[str, int] = {country: length for length, countries in _LENGTHS.items() for country in countries.split()}
"""Length of an IBAN by country, as SWIFT's registry has it (2026)."""

_CANDIDATE = re.compile(rb"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,30}(?![A-Za-z0-9])")
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+(?![\w])", re.ASCII)


def is_iban(text: str) -> bool:
    """Whether `text`, blanks apart, is an IBAN: its country's length and a right check."""
    compact = text.replace(" ", "")
    if re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", compact, re.ASCII) is None:
        return False
    if len(compact) != LENGTHS.get(compact[:2]):
        return False
    return int("".join(str(int(mark, 36)) for mark in compact[4:] + compact[:4])) % 97 == 1


def find_iban(data: bytes) -> str | None:
    """The first IBAN that bytes hold, also one written in groups of four; None when there is none."""
    for match in _CANDIDATE.finditer(data):
        words = match[0].decode("ascii").split(" ")
        for count in range(1, len(words) + 1):  # what follows may be a word in capitals
            if is_iban("".join(words[:count])):
                return "".join(words[:count])
    return None


def private_text(text: str) -> str | None:
    """What of a text may not enter the record, in words; None when there is nothing."""
    if find_iban(text.encode()) is not None:
        return "an IBAN"
    return "a mail address" if _MAIL.search(text) else None


def mask(iban: str) -> str:
    """An IBAN as it may be told: country, check and the last four."""
    return f"{iban[:4]}…{iban[-4:]}"
