"""Merged pull requests that name a work item propose receipts: for author, reviewers and who merged.

Nothing is stored and nothing counts: a comment shows the texts, and people with the right sign them or do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ledger.core.errors import LedgerError
from ledger.core.receipts import Receipt
from ledger.core.values import Timestamp
from ledger.core.workitems import named
from ledger.flows.people import find_user
from ledger.flows.receipts.table import Part, receipts_of
from ledger.flows.session import Session
from ledger.forge.conversation import Author, Merged, read_merged
from ledger.forge.github import Forge


@dataclass(frozen=True, slots=True)
class Proposal:
    """A pull request, its item and points, and who has an account there in which role."""

    number: int
    at: Timestamp
    work_item_id: str
    points: int
    roles: tuple[tuple[str, Author], ...]


def proposals(session: Session, forge: Forge) -> Iterator[Proposal]:
    """The merged pull requests that changed last and name exactly one work item with its points."""
    settings = session.node.settings.proposals
    if not settings.items:
        return
    for node in read_merged(forge):
        found = named(node.body, node.labels, settings.items, settings.estimate)
        roles = tuple(_roles(node))
        if found is not None and roles:
            yield Proposal(node.number, node.at, found.work_item_id, found.points, roles)


def _roles(node: Merged) -> Iterator[tuple[str, Author]]:
    """Author; those who approved the review, each once and not the author; who merged, where that is another."""
    if node.author.account is not None:
        yield "author", node.author
    seen = {node.author.account, None}
    for reviewer in node.reviewers:
        if reviewer.account not in seen:
            seen.add(reviewer.account)
            yield "reviewer", reviewer
    if node.merged_by.account not in (node.author.account, None):
        yield "approver", node.merged_by


def receipts_for(session: Session, forge: Forge, proposal: Proposal) -> tuple[list[Receipt], list[str]]:
    """The receipts that a proposal comes to, and the logins of accounts that nobody has bound.

    LedgerError where the item has fewer points than people.
    """
    scope = session.scope_id(session.node.settings.proposals.scope or None)
    parts, unknown = list[Part](), list[str]()
    for role, author in proposal.roles:
        try:
            find_user(session, f"github:{author.account}")
        except LedgerError:
            unknown.append(author.login)
        else:
            parts.append(Part(role, f"github:{author.account}"))
    link = f"{forge.url}/pull/{proposal.number}"
    return receipts_of(session, scope, proposal.work_item_id, proposal.points, parts, link, proposal.at), unknown
