"""Everything on record about a scope's money, gathered once for the book, the planner and the checks."""

from __future__ import annotations

from collections.abc import Collection

from ledger.core.book import Book, build_book
from ledger.core.errors import InputError
from ledger.core.planning import BookInputs, PlanOnRecord
from ledger.core.settling import ApproversAt, approvers_of, openings_count_since, stands_at
from ledger.core.values import ScopeId, UserId
from ledger.store.amounts import final_statements
from ledger.store.node import Node
from ledger.store.paylayout import plan_path
from ledger.store.payments import PayFiles, distributions_on_disk, on_disk


def approvers_at(node: Node, scope_id: str) -> ApproversAt:
    """The approvers of a scope at any time, by its chain of approver sets."""
    return approvers_of(node.chain(node.scope(scope_id).scope_id))


def book_inputs(node: Node, scope_id: str) -> BookInputs:
    """The scope's statements, bindings, instructions, waivers, opening balances and plans."""
    files, approvers = on_disk(node.root, node.node_id), approvers_at(node, scope_id)
    return BookInputs(
        node_id=node.node_id,
        scope_id=ScopeId(scope_id),
        statements=final_statements(node, scope_id),
        bindings=node.bindings(),
        instructions=files.instructions(),
        waivers=files.waivers(scope_id),
        openings=files.openings(scope_id),
        openings_at=_openings_at(files, scope_id, approvers),
        plans=[on_record(files, scope_id, n, approvers) for n in distributions_on_disk(node.root, scope_id)],
    )


def on_record(files: PayFiles, scope_id: str, distribution: int, approvers: ApproversAt) -> PlanOnRecord:
    """A plan with its signatures counted and its settlements; InputError when there is none of this number."""
    plan = files.plan(scope_id, distribution)
    if plan is None:
        raise InputError(
            f"scope {scope_id} has no distribution {distribution}", hint="`ledger distribute status` lists them."
        )
    signatures = files.signatures(scope_id, distribution)
    return PlanOnRecord(
        plan,
        plan_path(scope_id, distribution),
        stands_at(plan, signatures, approvers),
        tuple(files.settlements(scope_id, distribution)),
    )


def _openings_at(files: PayFiles, scope_id: str, approvers: ApproversAt) -> str | None:
    """Since when opening balances count: the signature that completed the threshold over the file as it is."""
    if not files.openings(scope_id):
        return None
    return openings_count_since(files.opening_text(scope_id), files.opening_signatures(scope_id), approvers)


def scope_book(node: Node, scope_id: str, until: str | None = None, whose: Collection[UserId] | None = ()) -> Book:
    """The account book of a scope, as of a time or as it is, with the postings of these people (None: everyone's)."""
    return build_book(book_inputs(node, scope_id), until, whose)
