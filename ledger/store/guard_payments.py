"""What a change may do to the files of paying: plans never change, logs grow at their end, and no bank data enters.

Whether a plan is owed and a settlement fits is recomputed by `verify`; here it is the bytes and the form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from ledger.core.balances import Opening, OpeningSignature, Waiver
from ledger.core.bankdata import find_iban, mask, private_text
from ledger.core.errors import LedgerError
from ledger.core.evaluate import Finding
from ledger.core.history import total_of
from ledger.core.instructions import Instruction
from ledger.core.settling import APPEND_ONLY, BALANCED
from ledger.store import paylayout
from ledger.store.guard_findings import as_finding
from ledger.store.payments import PayFiles, parse_log, parse_source

Read = Callable[[str], bytes | None]
PRIVATE = "BANK_DATA_STAYS_OUT"
_TABLES = (".csv", ".tsv", ".xml", ".json", ".jsonl", ".yaml", ".yml")
_LARGEST = 50_000_000


def payment_findings(node_id: str, changed: Mapping[str, object], before: Read, after: Read) -> Iterator[Finding]:
    """Everything that a change does to the files of paying and may not. `changed`: paths within the node."""
    for path in sorted(changed):
        kind = paylayout.pay_kind(path)
        new = after(path)
        if kind is None or new is None:
            continue  # deletions are refused with everything else under data/
        old = before(path)
        if kind == "once" and old is not None and old != new and not is_unsigned_opening(path, before):
            yield Finding(BALANCED, "is written once and never changes", path, 1)
        elif kind == "log" and not new.startswith(old or b""):
            same = next((at for at, (a, b) in enumerate(zip(old or b"", new, strict=False)) if a != b), len(new))
            line = new[:same].count(b"\n") + 1
            yield Finding(APPEND_ONLY, "is not what it was with new lines at its end", path, line)
        try:
            _parse(PayFiles(node_id, after), path, new)
        except LedgerError as error:
            yield as_finding(error)
        added = new[len(old or b"") :] if new.startswith(old or b"") else new
        if (found := private_text(added.decode("utf-8", "replace"))) is not None:
            yield Finding(PRIVATE, f"holds {found}, which may not enter the record", path)


def is_unsigned_opening(path: str, before: Read) -> bool:
    """Whether `path` is of opening balances that nobody had signed: an import that may still be made anew or undone."""
    scope_id = paylayout.opening_scope(path)
    return scope_id is not None and not before(paylayout.opening_signatures_path(scope_id))


def _parse(files: PayFiles, path: str, data: bytes) -> None:
    if match := paylayout.PLAN_PATH.fullmatch(path):
        scope_id, number = match[1], int(match[2])
        {"plan.json": files.plan, "signatures.jsonl": files.signatures, "settlements.jsonl": files.settlements}[
            match[3]
        ](scope_id, number)
    elif path == paylayout.INSTRUCTIONS:
        parse_log(Instruction, data, path, files.node_id, None)
    elif path == paylayout.WAIVERS:
        parse_log(Waiver, data, path, files.node_id, None)
    elif match := paylayout.SOURCE_PATH.fullmatch(path):
        parse_source(data, path, files.node_id, match[1])
    elif match := paylayout.HISTORY_PATH.fullmatch(path):
        if match[3] is None:  # all files of a history are read from its first on
            total_of(files.history_lines(match[1], match[2]))
    else:
        scope_id = path.rpartition("/")[2].partition(".")[0]
        model = OpeningSignature if path.endswith(".signatures.jsonl") else Opening
        parse_log(model, data, path, files.node_id, scope_id)


def bank_data_findings(changed: Iterable[str], before: Read, after: Read) -> Iterator[Finding]:
    """IBANs that a change brings in with a table or settings outside `data/`: a payees file committed by mistake.

    Not in what sources collect, or a stranger's title could stop a node; files of paying are checked on their own.
    """
    for path in changed:
        if path.startswith(("data/", "tests/")) or not path.endswith(_TABLES):
            continue
        new = after(path)
        if new is None or len(new) > _LARGEST:
            continue
        found = find_iban(new)
        if found is not None and find_iban(before(path) or b"") != found:
            line = next((n for n, text in enumerate(new.split(b"\n"), start=1) if find_iban(text)), 1)
            yield Finding(
                PRIVATE, f"holds an IBAN ({mask(found)}), which stays in the operator's own files", path, line
            )
