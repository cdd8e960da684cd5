"""Instructions that rest on a post: the collected event is there, by an account of the person, and says the code.

`instruct` checks this when it writes a line; here it is held for every line on record (DESTINATION_BOUND), for nothing
else keeps a line that somebody wrote by hand from giving another's money away. The event may lie in an epoch that is in
progress on a branch, so for a while it is missing on main: nothing is planned or signed meanwhile where no branch at
hand holds it, and once the epochs of that time are among the files it must be there.

Of a text that is kept as a keyed hash the record cannot tell whether it was the code. Who plans or signs with the
node's secret at hand can, and is told where he cannot.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

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
from ledger.flows.proof import secret_of
from ledger.flows.session import Session
from ledger.flows.verdicts import as_finding
from ledger.store.node import Node
from ledger.store.paylayout import INSTRUCTIONS
from ledger.store.payments import on_disk


def post_findings(node: Node) -> Iterator[Finding]:
    """What speaks against the instructions of a node that rest on posts."""
    try:
        posted = _posted(on_disk(node.root, node.node_id).instructions())
        if posted:
            events, bindings, elsewhere = _events(node, posted), node.bindings(), _elsewhere_from(node)
            for line in posted:
                named = events.get(str(line.proof["event"]), [])
                if not named and elsewhere is not None and line.at >= elsewhere:
                    continue  # its epoch may be in progress on a branch
                problem = _problem(line, named, bindings)
                if problem:
                    yield Finding(BOUND, problem, INSTRUCTIONS, line.seq)
    except LedgerError as error:
        yield as_finding(error)


def require_posts(session: Session, size: int) -> None:
    """StateError unless the posts behind the first `size` instructions are at hand and hold, on main or on a branch.

    Tells of those whose text only the node's secret could show to be the code, where it is not at hand.
    """
    node = session.node
    posted = _posted(on_disk(node.root, node.node_id).instructions()[:size])
    if not posted:
        return
    events = _events(node, posted)
    if len(events) < len({line.proof["event"] for line in posted}):
        with everywhere(session) as wide:
            events |= _events(wide.node, posted)
    secret, unread = secret_of(session), []
    for line in posted:
        named, bindings = events.get(str(line.proof["event"]), []), node.bindings()
        problem = _problem(line, named, bindings, secret)
        if problem:
            raise StateError(
                problem,
                path=INSTRUCTIONS,
                line=line.seq,
                rule=BOUND,
                hint="Where its epoch is in progress on GitHub, `git fetch` brings it. Else somebody wrote this line "
                "by hand: do not pay by it, and take it back.",
            )
        if not any(event_says(event, line.code, secret) for event in _mine(line, named, bindings)):
            unread.append(str(line.seq))
    if unread:
        session.tell(
            f"{INSTRUCTIONS}, line {', '.join(unread)}: NOT CHECKED whether the post says the instruction's code, for "
            "the record has a keyed hash of it; set LEDGER_SECRET to the node's secret and run this again to check it"
        )


def _posted(lines: Sequence[Instruction]) -> list[Instruction]:
    return [line for line in lines if line.proof.get("kind") == "post"]


def _problem(
    line: Instruction, named: Sequence[ActivityEvent], bindings: Sequence[Binding], secret: bytes | None = None
) -> str | None:
    """Why a post does not bear its instruction; None where one of the events `named` does, as far as can be told.

    Several events may have one link. A text of which the record has a keyed hash only is its account's word; whether it
    was the code, `secret` tells, where it is at hand.
    """
    if not named:
        return f"rests on event {str(line.proof['event'])[:200]}, which no epoch here holds"
    mine = _mine(line, named, bindings)
    if not mine:
        return f"rests on event {named[0].id}, which is not by an account of this person"
    keyed = [event for event in mine if "text_hmac" in event.metadata]
    if any(event_says(event, line.code, secret) for event in mine) or (keyed and secret is None):
        return None
    doubt = " (by LEDGER_SECRET: is it the secret of this node?)" if keyed else ""
    return f"rests on event {mine[0].id}, which does not say {line.code}{doubt}"


def _mine(line: Instruction, named: Sequence[ActivityEvent], bindings: Sequence[Binding]) -> list[ActivityEvent]:
    """Those of the events that are by an account of the instruction's person, as bound when he gave it."""
    owners = resolve_accounts([each for each in bindings if each.at <= line.at])
    return [event for event in named if owners.get((event.source, event.platform_user_id)) == line.user_id]


def _elsewhere_from(node: Node) -> str | None:
    """From when on an event may lie in an epoch that is not among these files; None where all that were begun are here.

    The next epoch of a scope begins once the last one here is over, and unless they overlap only once that is final.
    """
    begins = []
    for scope_id, scope in node.scopes.items():
        epochs = node.epochs(scope_id)
        if sum(folder.state() != "finalized" for folder in epochs[-2:]) <= scope.overlap:
            begins.append(str(epochs[-1].window().end if epochs else scope.start))
    return min(begins, default=None)


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
