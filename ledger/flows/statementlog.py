"""Append to a scope's statement log what became final (STATEMENT_LOGGED).

Every act that makes something final ends with this; what a killed run left out, the next one adds.
"""

from __future__ import annotations

from ledger.core.settling import approvers_of
from ledger.core.statementlog import Final, to_log
from ledger.flows.session import Session
from ledger.store import layout
from ledger.store.amendments import amendments
from ledger.store.append import append_records
from ledger.store.final import final_amendments, final_sets, final_statement
from ledger.store.final_payments import final_payments
from ledger.store.payments import on_disk


def complete_log(session: Session, scope_id: str, *, amending: bool = False) -> None:
    """Bring the log up to what is final by the files; changes nothing where it is. Call inside the write lock.

    The amendments of all epochs are looked for once a session, and by each act on one (`amending`): whoever else makes
    one final meanwhile logs it himself, and what he leaves out the next session adds.
    """
    node = session.node
    log = node.epoch(scope_id, 1).statement_log()
    statements: list[Final] = []
    for number in range(node.epoch_count(scope_id), 0, -1):  # what is logged is a prefix: look no further than its end
        folder = node.epoch(scope_id, number)
        if log.before(folder.path("statement.json")) is not None:
            break
        if (found := final_statement(folder)) is not None:
            statements.insert(0, found)
    chain = node.chain(scope_id)
    amended: list[Final] = []
    if amending or scope_id not in session.amendments_logged:
        amended = final_amendments(each for folder in node.epochs(scope_id) for each in amendments(folder))
    money = final_payments(on_disk(node.root, node.node_id), scope_id, approvers_of(chain))
    final = [*final_sets(scope_id, chain), *statements, *amended, *money]
    missing = to_log(log.lines, final, node.node_id, node.scope(scope_id).scope_id)
    append_records(node.root, layout.log_path(scope_id), missing)
    session.amendments_logged.add(scope_id)
