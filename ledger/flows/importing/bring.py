"""An import is reckoned out whole, then written: bindings, history, opening balances, and its source last.

Importing the same again changes nothing; until an approver signs, `undo` takes balances and history away again. What is
written, and what is signed: specification, section 11.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ledger.core.balances import Opening
from ledger.core.errors import InputError, StateError
from ledger.core.history import Converted, OpeningSource, System, convert, opening_records
from ledger.flows.identity import Wanted, bind_many
from ledger.flows.importing.history import Packed
from ledger.flows.importing.people import bindings_of
from ledger.flows.importing.terms import Report, Terms
from ledger.flows.paying.opening import text_of
from ledger.flows.session import Session
from ledger.imports.found import HistoryDraft, Identity
from ledger.sources.titles import one_line
from ledger.store.files import remove_file, write_file, write_lock
from ledger.store.paylayout import history_path, opening_path, opening_signatures_path, source_path
from ledger.store.payments import on_disk


def bring(
    session: Session,
    identities: Sequence[Identity],
    drafts: Callable[[], Iterable[HistoryDraft]],
    terms: Terms,
    report: Report,
    file_name: str,
    *,
    write: bool,
) -> Report:
    """Everything is reckoned out before anything is written.

    InputError without a rate where there are balances, StateError where another import is on record in the scope.
    """
    node, scope_id = session.node, report.scope_id
    actor = session.approver(node.scope(scope_id)) if write else ""
    wanted, users = bindings_of(session, identities, terms, report, terms.origin or file_name)
    report.people, report.bound = len(identities), len(wanted)
    packed = Packed(session, scope_id, report.system, write)
    for each in identities:
        name = one_line(each.name) if terms.show_names else ""
        for own in each.ids:
            packed.add({"id": own, "kind": "person", "name": name, "user_id": users.get(each.ids[0])})
    for draft in drafts():
        packed.add(draft)
    packed.flush()
    totals = packed.totals
    rate = 0
    if totals.nobody.earned or any(each.earned for each in totals.people.values()):
        if write and terms.rate is None:
            raise InputError("at what rate?", hint="Add --credits-per-unit: whole credits for one unit there.")
        rate = 1 if terms.rate is None else terms.rate
    converted = convert(totals.people, rate, report.decimals) if rate else Converted({}, 0, 0, 0)
    names = {users.get(each.ids[0]): each.name for each in identities}
    report.balances = sorted(
        ((names[user], user, figures[0]) for user, figures in converted.people.items()),
        key=lambda row: (-row[2], row[1]),
    )
    report.total_minor, report.nobody_minor = converted.total_minor, totals.nobody.balance
    report.total_credits, report.remainder_minor = converted.total_credits, converted.remainder_minor
    if not write:
        return report
    facts = {
        "credits_per_unit": str(rate),
        "decimals": report.decimals,
        "file_name": one_line(file_name),
        "file_sha256": report.file_sha256,
        "history_lines": totals.lines,
        "history_sha256": packed.digest.hexdigest(),
        "node_id": node.node_id,
        "origin": one_line(terms.origin),
        "remainder_minor": str(converted.remainder_minor),
        "schema": "opening-source/1",
        "scope_id": scope_id,
        "system": report.system,
        "total_credits": str(converted.total_credits),
        "total_minor": str(converted.total_minor),
        "unit": report.unit,
    }
    openings = opening_records(node.node_id, scope_id, converted) if rate else None
    report.changed = _write(session, OpeningSource.read(facts), packed.files, openings, wanted, actor)
    report.written = True
    report.text = text_of(session, scope_id) if openings else ""
    return report


def _write(
    session: Session,
    source: OpeningSource,
    history: Sequence[bytes],
    openings: Sequence[Opening] | None,
    wanted: Sequence[Wanted],
    actor: str,
) -> bool:
    """Bindings, history, balances, and the source last, so that a killed run can be run again. False: all was there."""
    root, system, scope_id = session.node.root, source.system, source.scope_id
    data = source.encode() + b"\n"
    balances = b"".join(line.encode() + b"\n" for line in openings or ())
    files = on_disk(root, session.node.node_id)
    before, stored = files.read(source_path(scope_id, system)), files.read(opening_path(scope_id))
    others = [name for name, each in files.sources(scope_id).items() if each.credits_per_unit and name != system]
    other = stored is not None and openings is not None and (stored != balances or bool(others))
    if other or before not in (None, data):
        raise StateError(
            "another import, or other opening balances, are on record in this scope",
            path=opening_path(scope_id) if other else source_path(scope_id, system),
            rule="BALANCE_CONSERVED",
            hint=f"Until somebody signs, an import can be taken away: ledger import undo {system}.",
        )
    bound = bind_many(session, wanted, actor=actor)
    with write_lock(root):
        for number, each in enumerate(history, start=1):
            write_file(root, history_path(scope_id, system, number), each)
        if openings is not None:
            write_file(root, opening_path(scope_id), balances)
        write_file(root, source_path(scope_id, system), data)
    return before is None or any(each.added for each in bound)


def undo(session: Session, scope_id: str, system: System) -> bool:
    """Take an import away while nobody has signed its balances: whether there was one. Bindings stay, being true.

    StateError once somebody signed.
    """
    session.approver(session.node.scope(scope_id))
    files, root = on_disk(session.node.root, session.node.node_id), session.node.root
    with write_lock(root):
        source = files.sources(scope_id).get(system)
        names = [history_path(scope_id, system, n) for n, _ in enumerate(files.history(scope_id, system), start=1)]
        if source is None and not names:
            return False
        if source is not None and source.credits_per_unit:
            if files.read(opening_signatures_path(scope_id)):
                raise StateError(
                    "opening balances that somebody signed stay",
                    path=opening_signatures_path(scope_id),
                    rule="BALANCE_CONSERVED",
                    hint="A wrong balance is put right by a waiver or an award of an epoch.",
                )
            names.append(opening_path(scope_id))
        for name in (source_path(scope_id, system), *names):
            remove_file(root, name)
    return True
