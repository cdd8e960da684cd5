"""Move in with a list of people: all-contributors, Open Collective, or a table."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ledger.core.canonical import sha256_hex
from ledger.core.errors import InputError
from ledger.core.history import System
from ledger.flows.importing.bring import bring
from ledger.flows.importing.terms import Report, Terms
from ledger.flows.session import Session
from ledger.imports import people as lists


def import_list(session: Session, scope_id: str, system: System, path: Path, terms: Terms, *, write: bool) -> Report:
    """Read a list of people of another system; with `write`, bring it into the scope as `import_sourcecred` does.

    InputError for a file that cannot be read, or is no such list.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=str(path)) from None
    if system == "all-contributors":
        found = lists.all_contributors(data, str(path))
    elif system == "opencollective":
        found = lists.open_collective(data, str(path))
    else:
        found = lists.table(data, str(path), terms.decimals)
    report = Report(system, scope_id, sha256_hex(data), "unit", terms.decimals, left_out=dict(found.left_out))
    kinds = Counter(str(line["kind"]) for line in found.lines)
    report.counts = {f"entries: {kind}": count for kind, count in sorted(kinds.items())}
    if found.undated:
        report.counts["entries without date"] = found.undated
    return bring(session, list(found.people.values()), lambda: found.lines, terms, report, path.name, write=write)
