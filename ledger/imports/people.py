"""Files that list people and what they did, of systems without a book: all-contributors, Open Collective, any table.

They become history that can be looked at, and bindings where the file tells an account for certain. A table may bring
balances too.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ledger.core.canonical import clean_text, foreign_json
from ledger.core.errors import InputError
from ledger.core.tables import Form, read_rows
from ledger.core.values import Timestamp, parse_time
from ledger.imports.found import Alias, HistoryDraft, Identity

_AVATAR = re.compile(r"https://avatars[0-9]*\.githubusercontent\.com/u/([1-9][0-9]{0,18})(?:\?[ -~]*)?")
_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[ T][0-9:]{5,8}(?:\.[0-9]+)?Z?)?")
_UNITS = re.compile(r"(0|[1-9][0-9]{0,30})(?:\.([0-9]{1,18}))?")
NAMELESS = frozenset({"", "anonymous", "guest", "incognito"})


@dataclass
class Listed:
    """People and what the file says of them. `undated`: entries without a date; `left_out`: counts by reason."""

    people: dict[str, Identity] = field(default_factory=dict)
    lines: list[HistoryDraft] = field(default_factory=list)
    undated: int = 0
    left_out: dict[str, int] = field(default_factory=dict)

    def person(self, name: str, shown: str, line: int) -> Identity:
        """The person of this name, made at his first line."""
        return self.people.setdefault(name, Identity([name], shown, "USER", line))

    def did(self, name: str, what: str, at: Timestamp | None, facts: Mapping[str, Any]) -> None:
        """Something that a person did."""
        self.undated += at is None
        self.lines.append(
            {"at": at, "facts": dict(facts), "id": name, "kind": "contribution", "what": clean_text(what)[:100]}
        )

    def leave_out(self, why: str) -> None:
        """Count an entry that is not taken."""
        self.left_out[why] = self.left_out.get(why, 0) + 1


def all_contributors(data: bytes, name: str) -> Listed:
    """`.all-contributorsrc`: logins with kinds of contributions, without dates; InputError for another file.

    The account's number is in the picture's address, which GitHub gives; who has another picture stays without one.
    """
    found = Listed()
    try:
        for number, each in enumerate(_json(data)["contributors"], start=1):
            login = _word(each["login"])
            person = found.person(login, login, number)
            match = _AVATAR.fullmatch(each.get("avatar_url") or "")
            if not person.aliases:
                person.aliases.append(Alias("github", login, match[1] if match else None, number))
            for kind in each["contributions"]:
                link = kind.get("url") if isinstance(kind, dict) else None
                what = kind["type"] if isinstance(kind, dict) else kind
                found.did(login, str(what), None, {"url": clean_text(str(link))[:300]} if link else {})
    except ValueError as error:
        raise InputError(f"is no .all-contributorsrc: {error}", path=name) from None
    except (AttributeError, KeyError, TypeError):
        raise InputError(
            "is no .all-contributorsrc: `contributors` lists people, each with a `login` and `contributions`", path=name
        ) from None
    return found


def open_collective(data: bytes, name: str) -> Listed:
    """The members of a collective as Open Collective exports them (`members/all.json` or `.csv`): who, as what, since
    when, how much in all. Names, addresses and pictures are not taken; people without a public name are counted."""
    found = Listed()
    try:
        rows = (
            list(enumerate(_json(data), start=1)) if data.lstrip()[:1] == b"[" else list(_table(data, name, "profile"))
        )
        for number, row in rows:
            slug = str(row["profile"] or "").rstrip("/").rpartition("/")[2].lower()
            if slug in NAMELESS or slug.startswith(("guest-", "incognito-", "user-")):
                found.leave_out("without a public name")
                continue
            found.person(_word(slug), slug, number)
            facts = {"amount": _units(row.get("totalAmountDonated")), "currency": _code(row.get("currency"))}
            kept = {key: value for key, value in facts.items() if value}
            found.did(slug, str(row["role"]).lower(), _day(row.get("createdAt")), kept)
    except ValueError as error:
        raise InputError(f"is no list of members as Open Collective exports it: {error}", path=name) from None
    except (AttributeError, KeyError, TypeError):
        raise InputError(
            "is no list of members as Open Collective exports it: each has a `profile` and a `role`", path=name
        ) from None
    return found


_TABLE = Form(("person",), "Put this line right and run the command again; nothing of the file was taken.")


def table(data: bytes, name: str, decimals: int) -> Listed:
    """A CSV with a header: `person`, and where there are any `provider` and `account`, `kind`, `date`, `link`,
    `quantity`, `balance` and `earned` (units with at most `decimals` decimals). A person has one balance, however many
    rows there are of him. InputError names the line."""
    found = Listed()
    balances: dict[str, int] = {}
    for number, fields in read_rows(data, name, _TABLE):
        row = {key: str(value) for key, value in fields.items() if value is not None}  # JSON has more than texts
        try:
            who = _word(row.get("person"))
            person = found.person(who, who, number)
            provider, account = (row.get("provider") or "").lower(), row.get("account") or ""
            if bool(provider) != bool(account):
                raise ValueError("provider and account go together")
            if provider and all((each.provider, each.account) != (provider, account) for each in person.aliases):
                person.aliases.append(Alias(provider, account, account, number))
            if row.get("kind"):
                facts = {key: clean_text(row[key])[:300] for key in ("link", "quantity") if row.get(key)}
                day = row.get("date") or ""
                at = _day(day)
                if day and at is None:
                    raise ValueError(f"{day[:30]!r} is no date: write 2024-05-31, or leave it empty")
                found.did(who, row["kind"], at, facts)
            if row.get("balance") or row.get("earned"):
                if who in balances:
                    raise ValueError(
                        f"{who[:40]!r} has a balance in line {balances[who]} already; give each person one"
                    )
                balances[who] = number
                balance = minor_units(row.get("balance") or "0", decimals)
                earned = max(balance, minor_units(row.get("earned") or "0", decimals))
                amounts = {"balance_minor": str(balance), "earned_minor": str(earned)}
                found.lines.append({**amounts, "id": who, "kind": "balance"})
        except ValueError as error:
            raise InputError(str(error), path=name, line=number) from None
    return found


def minor_units(text: str, decimals: int) -> int:
    """The whole number of 10^-`decimals` that a plain decimal says; ValueError for anything else."""
    match = _UNITS.fullmatch(text.strip())
    if match is None or len(match[2] or "") > decimals:
        raise ValueError(f"{text[:40]!r} is no amount with at most {decimals} decimals, such as 12.5")
    return int(match[1] + (match[2] or "").ljust(decimals, "0"))


def _json(data: bytes) -> Any:
    return foreign_json(data, parse_float=str)


def _table(data: bytes, name: str, needed: str) -> Iterator[tuple[int, dict[str, str | None]]]:
    try:
        rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        if needed not in (rows.fieldnames or ()):
            raise InputError(f"has no column {needed}", path=name, line=1)
        for row in rows:
            yield rows.line_num, row
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"is no CSV in UTF-8: {error}", path=name) from None


def _word(value: Any) -> str:
    text = clean_text(str(value or "")).strip()
    if not text or len(text) > 256 or "@" in text:
        raise ValueError(f"{text[:40]!r} names nobody: 1 to 256 characters, no mail address")
    return text


def _day(value: Any) -> Timestamp | None:
    match = _DAY.fullmatch(str(value or ""))
    try:
        return parse_time(match[1]) if match else None
    except ValueError:
        return None


def _units(value: Any) -> str | None:
    text = str(value) if value is not None else ""
    return text if _UNITS.fullmatch(text) and text.strip("0.") else None


def _code(value: Any) -> str | None:
    return value if isinstance(value, str) and re.fullmatch(r"[A-Z]{3}", value) else None
