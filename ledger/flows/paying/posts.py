"""Instructions that rest on a post: the collected event is there, by an account of the person, and says the code.

`instruct` checks this when it writes a line; here it is held for every line on record (DESTINATION_BOUND), for nothing
else keeps a line that somebody wrote by hand from giving another's money away. The event may lie in an epoch that is in
progress on a branch, so for a while it is missing on main: nothing is planned or signed meanwhile where no branch at
hand holds it, and once the epochs of that time are final it must be there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from ledger.core.canonical import encode
from ledger.core.errors import LedgerError, StateError
from ledger.core.evaluate import Finding
from ledger.core.identity import resolve_accounts
from ledger.core.instructions import Instruction
from ledger.core.proof import event_says
from ledger.core.records.activity import ActivityEvent
from ledger.core.records.decisions import Binding
from ledger.core.settling import BOUND
from ledger.flows.elsewhere import everywhere
from ledger.flows.session import Session
from ledger.store.node import Node
from ledger.store.paylayout import INSTRUCTIONS
from ledger.store.payments import on_disk


def post_findings(node: Node, as_finding: Callable[[LedgerError], Finding]) -> Iterator[Finding]:
    """What speaks against the instructions of a node that rest on posts."""
    try:
        posted = _posted(on_disk(node.root, node.node_id).instructions())
        if posted:
            events, bindings, final = _events(node, posted), node.bindings(), _final_until(node)
            for line in posted:
                named = events.get(str(line.proof["event"]), [])
                if not named and line.at >= final:
                    continue  # its epoch may be in progress on a branch
                problem = _problem(line, named, bindings)
                if problem:
                    yield Finding(BOUND, problem, INSTRUCTIONS, line.seq)
    except LedgerError as error:
        yield as_finding(error)


def require_posts(session: Session, size: int) -> None:
    """StateError unless the posts behind the first `size` instructions are at hand and hold, on main or on a branch."""
    node = session.node
    posted = _posted(on_disk(node.root, node.node_id).instructions()[:size])
    if not posted:
        return
    events = _events(node, posted)
    if len(events) < len({line.proof["event"] for line in posted}):
        with everywhere(session) as wide:
            events |= _events(wide.node, posted)
    for line in posted:
        problem = _problem(line, events.get(str(line.proof["event"]), []), node.bindings())
        if problem:
            raise StateError(
                problem,
                path=INSTRUCTIONS,
                line=line.seq,
                rule=BOUND,
                hint="Where its epoch is in progress on GitHub, `git fetch` brings it. Else somebody wrote this line "
                "by hand: do not pay by it, and take it back.",
            )


def _posted(lines: Sequence[Instruction]) -> list[Instruction]:
    return [line for line in lines if line.proof.get("kind") == "post"]


def _problem(line: Instruction, named: Sequence[ActivityEvent], bindings: Sequence[Binding]) -> str | None:
    """Why a post does not bear its instruction; None where one of the events `named` does, as far as the record tells.

    Several events may have one link. A text of which the record has a keyed hash only is its account's word; whether it
    was the code, the secret tells.
    """
    if not named:
        return f"rests on event {str(line.proof['event'])[:200]}, which no epoch here holds"
    owners = resolve_accounts([each for each in bindings if each.at <= line.at])
    mine = [event for event in named if owners.get((event.source, event.platform_user_id)) == line.user_id]
    if not mine:
        return f"rests on event {named[0].id}, which is not by an account of this person"
    if not any("text_hmac" in event.metadata or event_says(event, line.code, None) for event in mine):
        return f"rests on event {mine[0].id}, which does not say {line.code}"
    return None


def _final_until(node: Node) -> str:
    """Up to when the epochs of every scope are final; the scope's start where none is."""
    ends = []
    for scope_id, scope in node.scopes.items():
        final = [folder for folder in node.epochs(scope_id) if folder.state() == "finalized"]
        ends.append(str(final[-1].window().end) if final else str(scope.start))
    return min(ends, default="")


def _events(node: Node, posted: Collection[Instruction]) -> dict[str, list[ActivityEvent]]:
    """The events that these instructions name, by id or link: one pass over the logs, by the look of their lines."""
    wanted = {str(line.proof["event"]) for line in posted}
    marks = {b'"%b":%b' % (name, encode(word)): word for word in wanted for name in (b"artifact_url", b"id")}
    found: dict[str, list[ActivityEvent]] = {}
    for scope in node.scopes:
        for folder in node.epochs(scope):
            if any(mark in shard.read_bytes() for shard in folder.shards() for mark in marks):
                for _, _, event in folder.events():
                    for word in wanted & {event.id, event.artifact_url}:
                        found.setdefault(word, []).append(event)
    return found
