"""An epoch's derived files and what closed it: the same bytes as the records give, and as they were at finalize."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.compute.derive import Derived
from ledger.core.canonical import sha256_hex
from ledger.core.evaluate import Finding
from ledger.core.records.epoch import Transition
from ledger.core.records.statement import Statement
from ledger.flows.checking.findings import EpochFindings, told
from ledger.flows.checksums import checksums
from ledger.flows.verdicts import STATEMENT_RULES
from ledger.store import layout
from ledger.store.files import read_file
from ledger.store.node import Node


def check_derived_files(found: EpochFindings, state: str, derived: Derived | None, statement: Statement | None) -> None:
    """Stored statement and allocations against what the stored records give, field by field (`state`: the epoch's)."""
    path = found.folder.path("statement.json")
    if derived is None:
        found.add(Finding("PAYOUT_DETERMINISTIC", "cannot be recomputed (see above)", path))
        return
    if statement is None:
        message = "the statement is missing"
        if state == "review":
            message += ": the step to review was cut off (`ledger review` completes it), or the file was removed"
        found.differ("PAYOUT_DETERMINISTIC", message, "statement.json", "a statement", "none", None)
    elif statement is not derived.statement:
        _fields_differ(found, derived.statement, statement)
    for name, data in derived.files.items():
        _bytes_differ(found, name, data)


def _fields_differ(found: EpochFindings, due: Statement, stored: Statement) -> None:
    wanted, actual = due.fields(), stored.fields()
    for name, (rule, file) in STATEMENT_RULES.items():
        if wanted[name] != actual[name]:
            path = file if "/" in file else found.folder.path(file)
            line = 1 if file == "statement.json" else None
            message = f"is not what statement.{name} pins" if line is None else f"statement.{name}"
            found.add(Finding(rule, message, path, line, told(actual[name]), told(wanted[name])))
    for name in sorted(wanted.keys() - STATEMENT_RULES.keys() - {"held", "payouts"}):
        found.differ("PAYOUT_DETERMINISTIC", f"statement.{name}", "statement.json", wanted[name], actual[name])
    for line, paid in zip(wanted["payouts"], actual["payouts"], strict=False):
        found.differ("PAYOUT_DETERMINISTIC", f"payout of {line['user_id']}", "statement.json", line, paid)
    for line, kept in zip(wanted["held"], actual["held"], strict=False):
        what = f"held for {line['source']}:{line['platform_user_id']}"
        found.differ("PAYOUT_DETERMINISTIC", what, "statement.json", line, kept)


def _bytes_differ(found: EpochFindings, name: str, wanted: bytes) -> None:
    stored = found.folder.read(name)
    if stored == wanted:
        return
    pairs = zip(wanted.split(b"\n"), stored.split(b"\n"), strict=False)
    shorter = min(wanted.count(b"\n"), stored.count(b"\n"))
    number = next((n for n, (a, b) in enumerate(pairs, start=1) if a != b), shorter + 1)
    message = f"{name} is not what the records give"
    found.differ("PAYOUT_DETERMINISTIC", message, name, sha256_hex(wanted), sha256_hex(stored), number)


def check_closing(found: EpochFindings, node: Node, steps: Sequence[Transition], statement: Statement | None) -> None:
    """Since finalize the statement and every file are what they were (EPOCH_FINALIZE_IDEMPOTENT)."""
    rule, folder = "EPOCH_FINALIZE_IDEMPOTENT", found.folder
    pinned = next((step.statement_hash for step in steps if step.statement_hash), None)
    actual = statement.statement_hash if statement else None
    found.differ(rule, "statement hash that was closed", "statement.json", pinned, actual)
    stored = read_file(node.root, folder.path(layout.CHECKSUMS))
    if stored is None:
        found.differ(rule, "file", layout.CHECKSUMS, "a file", "none", None)
        return
    listed = checksums(folder)
    now, then = _digests(listed), _digests(stored.decode("utf-8", "replace"))
    for name in sorted(now.keys() | then.keys()):
        known = name if layout.kind_of(name, folder.version) else layout.CHECKSUMS
        before, after = then.get(name, "no file"), now.get(name, "no file")
        found.differ(rule, f"{known} changed after finalize", known, before, after, None)
    if listed.encode() != stored:
        digests = sha256_hex(listed.encode()), sha256_hex(stored)
        found.differ(rule, "list of checksums", layout.CHECKSUMS, *digests, None)


def _digests(text: str) -> dict[str, str]:
    """The hash of each file that lines of `sha256sum` name."""
    lines = (line.partition("  ") for line in text.split("\n"))
    return {name: digest for digest, mark, name in lines if mark}
