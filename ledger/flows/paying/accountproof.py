"""One file with a person's statement of account for a year and every record it rests on, checked without a network.

The record goes in line by line under its paths in the node. The check lays it out again, runs over it what `verify` and
`audit` run, then makes the statement of account anew and compares. Whoever holds the file needs nothing but this.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from ledger.core.accounting import year_json
from ledger.core.canonical import decode, encode, split_lines
from ledger.core.errors import DifferenceError, FormatError, InputError
from ledger.core.values import SCOPE_PATTERN, UUID_PATTERN
from ledger.flows.paying.accounts import account_year, year_of_account
from ledger.flows.paying.audit import EPOCH_FILES, Audit, check_statements, lay_out
from ledger.flows.paying.check import money_findings
from ledger.flows.session import Session
from ledger.store.amendments import amendments
from ledger.store.files import read_file
from ledger.store.layout import FOLDER_PATTERN, IDENTITIES, scope_logs
from ledger.store.node import load_node
from ledger.store.paylayout import (
    INSTRUCTIONS,
    OPENING,
    PLAN_FILES,
    WAIVERS,
    distribution_path,
    opening_path,
    opening_signatures_path,
)
from ledger.store.payments import distributions_on_disk
from ledger.store.scratch import Scratch

MOST = 100_000_000
SCHEMA = "account-proof/1"
_PLACES = re.compile(
    rf"data/(identities|instructions|waivers)\.jsonl|data/(approvers|log)/{SCOPE_PATTERN[1:-1]}(\.signatures)?\.jsonl|"
    rf"{OPENING}/[a-z0-9-]+(\.[a-z0-9-]+)?\.jsonl?|"
    rf"data/(epochs|distributions)/{SCOPE_PATTERN[1:-1]}/(?:{FOLDER_PATTERN})/(amendments/[0-9]{{2}}/)?[a-z]+\.jsonl?",
    re.ASCII,
)
NOT_PROVED = (
    "that the statements follow from the work: clone the repository and run `ledger verify`",
    "that nothing was recorded since, or elsewhere: compare with the site",
    "whose the approvers' wallets are: compare the first approver set with one that you know",
)


def account_proof(session: Session, scope_id: str, who: str, year: int) -> bytes:
    """The file for one person's year; InputError for nobody or several of the name."""
    node = session.node
    account = year_of_account(session, scope_id, who, year)
    files = {}
    for path in _paths(session, scope_id):
        if (data := read_file(node.root, path)) is not None:
            files[path] = [line.decode("utf-8") for line in split_lines(data, path)]
    value = {
        "account": json.loads(year_json(account)),
        "files": files,
        "node_id": node.node_id,
        "schema": SCHEMA,
    }
    return encode(value) + b"\n"


def _paths(session: Session, scope_id: str) -> Iterator[str]:
    node = session.node
    yield from (IDENTITIES, INSTRUCTIONS, WAIVERS, *scope_logs(scope_id))
    yield from (opening_path(scope_id), opening_signatures_path(scope_id))
    folder = node.root / OPENING
    if folder.is_dir():
        known = re.compile(rf"{re.escape(scope_id)}\.[a-z-]+(-[0-9]{{4}})?\.jsonl?", re.ASCII)
        yield from (f"{OPENING}/{each.name}" for each in sorted(folder.iterdir()) if known.fullmatch(each.name))
    for base in node.epochs(scope_id):
        for epoch in (base, *amendments(base)):
            if epoch.state() == "finalized":
                yield from (epoch.path(name) for name in EPOCH_FILES)
    for number in distributions_on_disk(node.root, scope_id):
        yield from (f"{distribution_path(scope_id, number)}/{name}" for name in PLAN_FILES)


def check_account_proof(data: bytes, name: str) -> Audit:
    """What such a file holds, checked here; FormatError when it is none, findings where it does not hold."""
    if len(data) > MOST:
        raise InputError("is larger than 100 MB", path=name)
    value = decode(data.rstrip(b"\n"), MOST)
    account, files, node_id = value.get("account"), value.get("files"), value.get("node_id")
    if value.get("schema") != SCHEMA or not isinstance(account, dict) or not isinstance(files, dict):
        raise FormatError(
            "is no proof of an account", path=name, hint="Make one: ledger book USER --year Y --format proof."
        )
    scope_id, user, year = account.get("scope_id"), account.get("user_id"), account.get("year")
    if not isinstance(scope_id, str) or re.fullmatch(SCOPE_PATTERN, scope_id, re.ASCII) is None:
        raise FormatError("names no scope", path=name)
    if not isinstance(node_id, str) or re.fullmatch(UUID_PATTERN, node_id) is None or not isinstance(year, int):
        raise FormatError("names no node, or no year", path=name)
    result = Audit(name, not_proved=NOT_PROVED)
    with Scratch() as root:
        lay_out(root, node_id, [scope_id])
        for path, lines in files.items():
            if (
                _PLACES.fullmatch(path) is None
                or not isinstance(lines, list)
                or not all(isinstance(x, str) for x in lines)
            ):
                raise FormatError(f"{path[:100]!r} is no file of a record of money", path=name)
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes("".join(f"{line}\n" for line in lines).encode())
        node = load_node(root)
        result.findings += check_statements(node, scope_id, result)
        result.findings += money_findings(node, [scope_id])
        made = json.loads(year_json(account_year(node, scope_id, str(user), str(account.get("name", "")), year)))
        if made != account:
            wrong = sorted(key for key in made.keys() | account.keys() if made.get(key) != account.get(key))
            raise DifferenceError(
                f"the statement of account is not what its records give ({', '.join(wrong)})", path=name
            )
        chain = node.chain(scope_id)
        result.checked.append(
            f"{scope_id}: {len(account['items'])} lines of {year} follow from the record: opening "
            f"{account['opening_credits']}, closing {account['closing_credits']} credits"
        )
        result.checked.append(f"{scope_id}: the first approver set is {chain.root}")
    return result
