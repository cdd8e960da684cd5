"""A stranger's look at a published ledger's money: fetch the record, check it on this machine, say what that proves.

Needs no clone and no account. The files go into a scratch folder as a small node, over which the same checks run as in
`verify`; given a chain's node, each transaction that settles a line is asked for again. Nothing fetched is trusted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, build_opener

from ledger.chain.rpc import Chain
from ledger.core.book import build_book
from ledger.core.canonical import foreign_json
from ledger.core.distribution import line_states
from ledger.core.errors import FormatError, InputError, LedgerError
from ledger.core.evaluate import Finding
from ledger.core.money import chain_of, token_of
from ledger.core.planning import BookInputs
from ledger.core.signing import recover_signer, signed_text
from ledger.core.values import SCOPE_PATTERN, UUID_PATTERN
from ledger.flows.paying.check import money_findings
from ledger.flows.verdicts import as_finding
from ledger.store.amendments import amendments
from ledger.store.layout import AMENDMENTS, folder_name
from ledger.store.moneybook import book_inputs
from ledger.store.node import Node, load_node
from ledger.store.paylayout import PLAN_FILES, SYSTEMS, distribution_path, history_path, source_path
from ledger.store.scratch import Scratch

MOST = 100_000_000
EPOCH_FILES = ("epoch.json", "signatures.jsonl", "statement.json", "transitions.jsonl")
NOT_PROVED = (
    "that the statements follow from the work: clone the repository and run `ledger verify`",
    "that this is the only history: compare with a witness, or with the root that you kept (`verify --root`)",
    "that a bank paid what its reference names; only a person's own acknowledgement says that money arrived",
)


@dataclass
class Audit:
    """What was looked at, in words, what does not hold, and the figures in credits by scope."""

    url: str
    checked: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    figures: dict[str, dict[str, str]] = field(default_factory=dict)
    not_proved: tuple[str, ...] = NOT_PROVED


def audit(url: str, chain: Chain | None = None) -> Audit:
    """Check the money of the ledger that is published at `url`; InputError where there is none."""
    base = url.rstrip("/")
    facts = _object(base, ".well-known/contribution-ledger.json")
    node_id, api = facts.get("node_id"), facts.get("api")
    if facts.get("schema") != "paid/1" or not isinstance(node_id, str) or not isinstance(api, str):
        raise InputError(f"{url} publishes no ledger", hint="Give the address of a ledger's site.")
    if re.fullmatch(UUID_PATTERN, node_id) is None or re.fullmatch(r"[a-z0-9/]+", api) is None:
        raise FormatError("contribution-ledger.json names no node, or no place of its files")
    result = Audit(url)
    with Scratch() as root:
        scopes = _scopes(facts)
        _fetch_all(f"{base}/{api}", root, node_id, scopes, facts)
        node = load_node(root)
        for scope_id in scopes:
            result.findings += check_statements(node, scope_id, result)
        result.findings += money_findings(node, scopes)
        for scope_id in scopes:
            inputs = book_inputs(node, scope_id)
            _figures(inputs, facts, result)
            if chain is not None:
                result.findings += _transactions(inputs, chain, result)
    return result


def _get(address: str) -> bytes | None:
    """The bytes at an address, None for what is not there."""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https"):
        raise InputError(f"{address[:200]} is no http(s) address")
    try:
        with build_opener().open(Request(address), timeout=30) as answer:  # noqa: S310 - scheme checked
            data: bytes = answer.read(MOST + 1)
    except HTTPError as error:
        if error.code == 404:
            return None
        raise InputError(f"{address[:200]} answered with HTTP {error.code}") from None
    except (URLError, HTTPException, TimeoutError, OSError) as error:
        raise InputError(f"{address[:200]} cannot be read ({type(error).__name__})") from None
    if len(data) > MOST:
        raise InputError(f"{address[:200]} is larger than 100 MB")
    return data


def _object(base: str, path: str) -> dict[str, Any]:
    try:
        found = foreign_json(_get(f"{base}/{path}") or b"null")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InputError(f"{base}/{path} is no ledger's file", hint="Give the address of a ledger's site.")
    return found


def _scopes(facts: dict[str, Any]) -> list[str]:
    found = [str(one.get("scope_id")) for one in facts.get("scopes", []) if isinstance(one, dict)]
    if not found or any(re.fullmatch(SCOPE_PATTERN, name, re.ASCII) is None for name in found):
        raise FormatError("contribution-ledger.json names no scope")
    return found


def lay_out(root: Path, node_id: str, scopes: list[str]) -> None:
    """The settings of a scratch node that holds somebody's record: a stranger's minimum."""
    (root / "scopes").mkdir()
    (root / "ledger.yaml").write_text(f'node_id: "{node_id}"\nname: "audited"\n')
    for scope_id in scopes:
        (root / f"scopes/{scope_id}.yaml").write_text(f"scope_id: {scope_id}\n")


def _fetch_all(base: str, root: Path, node_id: str, scopes: list[str], facts: dict[str, Any]) -> None:
    """The record of money and what it rests on, laid out as in a node; the settings are a stranger's minimum."""

    def put(path: str, place: str) -> bool:
        data = _get(f"{base}/{place}")
        if data:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
        return bool(data)

    lay_out(root, node_id, scopes)
    put("data/identities.jsonl", "identities.jsonl")
    for name in ("instructions.jsonl", "waivers.jsonl"):
        put(f"data/{name}", name)
    epochs = _object(base, "epochs.json").get("epochs", [])
    for scope_id in scopes:
        for system in SYSTEMS:
            number = 1
            if put(source_path(scope_id, system), f"opening/{scope_id}.{system}.json"):
                while put(path := history_path(scope_id, system, number), path.removeprefix("data/")):
                    number += 1
        for name in (f"approvers/{scope_id}.jsonl", f"approvers/{scope_id}.signatures.jsonl", f"log/{scope_id}.jsonl",
                     f"opening/{scope_id}.jsonl", f"opening/{scope_id}.signatures.jsonl"):  # fmt: skip
            put(f"data/{name}", name)
        for number in sorted(_finalized(epochs, scope_id)):
            folder, place = f"data/epochs/{scope_id}/{folder_name(number)}", f"epochs/{scope_id}/{number}"
            for name in EPOCH_FILES:
                put(f"{folder}/{name}", f"{place}/{name}")
            version = 2
            while put(f"{folder}/{AMENDMENTS}/{version:02d}/transitions.jsonl",
                      f"{place}/{AMENDMENTS}/{version:02d}/transitions.jsonl"):  # fmt: skip
                for name in ("signatures.jsonl", "statement.json"):
                    put(f"{folder}/{AMENDMENTS}/{version:02d}/{name}", f"{place}/{AMENDMENTS}/{version:02d}/{name}")
                version += 1
        count = next(len(one.get("distributions", [])) for one in facts["scopes"] if one.get("scope_id") == scope_id)
        for number in range(1, count + 1):
            for name in PLAN_FILES:
                put(f"{distribution_path(scope_id, number)}/{name}", f"distributions/{scope_id}/{number:04d}/{name}")


def _finalized(epochs: object, scope_id: str) -> list[int]:
    rows = [row for row in epochs if isinstance(row, dict)] if isinstance(epochs, list) else []
    mine = [row for row in rows if (row.get("scope_id"), row.get("state")) == (scope_id, "finalized")]
    return [row["epoch_id"] for row in mine if isinstance(row.get("epoch_id"), int) and 0 < row["epoch_id"] < 10**9]


def check_statements(node: Node, scope_id: str, result: Audit) -> list[Finding]:
    """Each final statement has the signatures of enough people of the set that was pinned for it."""
    found, counted = list(node.chain(scope_id).findings), 0
    for base in node.epochs(scope_id):
        for folder in (base, *amendments(base)):
            try:
                statement, pin = folder.statement(), folder.pin()
                if statement is None or pin is None or folder.state() != "finalized":
                    continue
                text, people = signed_text(statement), set()
                for line in folder.signatures():
                    if line.statement_hash == statement.statement_hash:
                        people.add(_person(pin, recover_signer(text, line.signature)))
            except LedgerError as error:
                found.append(as_finding(error.at(folder.relative)))
                continue
            counted += 1
            if len(people - {None}) < pin.threshold:
                message = f"{len(people - {None})} of {pin.threshold} approvers signed the statement"
                found.append(Finding("APPROVERS_PER_SCOPE", message, folder.path("signatures.jsonl")))
    result.checked.append(f"{scope_id}: {counted} final statements carry the signatures of enough approvers")
    return found


def _person(pin: Any, wallet: str) -> str | None:
    found: str | None = pin.person_of(wallet)
    return found


def _figures(inputs: BookInputs, facts: dict[str, Any], result: Audit) -> None:
    """The figures computed here, held to the ones that the site tells."""
    book = build_book(inputs, whose=())
    mine = {
        "allocated": str(sum(book.allocated.values())),
        "earned": str(sum(book.earned.values())),
        "outstanding": str(sum(balance for balance in book.balances.values() if balance > 0)),
        "paid": str(sum(book.settled.values())),
    }
    result.figures[inputs.scope_id] = mine
    told = next(one for one in facts["scopes"] if one.get("scope_id") == inputs.scope_id).get("credits", {})
    for name, value in mine.items():
        if told.get(name) != value:
            message = f"{inputs.scope_id}: credits {name}"
            result.findings.append(
                Finding(
                    "BALANCE_CONSERVED",
                    message,
                    ".well-known/contribution-ledger.json",
                    None,
                    value,
                    str(told.get(name)),
                )
            )
    states = [entry for each in inputs.plans for entry in line_states(each.plan, each.settlements).values()]
    kinds = [str(entry.evidence["kind"]) for entry in states if entry.state == "settled"]
    seen = ", ".join(f"{kinds.count(kind)} by {kind}" for kind in sorted(set(kinds))) or "none"
    result.checked.append(f"{inputs.scope_id}: {len(inputs.plans)} plans are what was owed; lines settled: {seen}")


def _transactions(inputs: BookInputs, chain: Chain, result: Audit) -> list[Finding]:
    """Every log that settles a line is asked for again: same token, receiver and amount, in the block on record."""
    found, counted = [], 0
    for each in inputs.plans:
        if chain_of(each.plan.asset) != chain.chain_id():
            continue
        for reference, entry in line_states(each.plan, each.settlements).items():
            if entry.state != "settled" or entry.evidence.get("kind") != "evm_log":
                continue
            line, seen = each.plan.by_reference[reference], entry.evidence
            mined = chain.transaction(str(seen["transaction"]))
            logs = {log.log_index: log for log in mined.transfers} if mined is not None and mined.succeeded else {}
            log = logs.get(int(str(seen["log_index"])))
            token = token_of(each.plan.asset)
            if token is None:  # a chain's own coin, sent straight to the wallet: the transaction itself shows it
                shown = (mined.to, mined.value) if mined is not None and mined.succeeded else None
            else:
                shown = (log.receiver, log.amount) if log is not None and log.token == token else None
            if shown != (line.destination, line.amount_minor):
                message = f"the chain does not show the payment of line {reference}"
                found.append(
                    Finding("PAID_ONCE", message, each.path.replace("plan.json", "settlements.jsonl"), entry.seq)
                )
            counted += 1
    result.checked.append(f"{inputs.scope_id}: {counted} payments were asked for again on chain {chain.chain_id()}")
    return found
