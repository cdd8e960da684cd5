"""The body of an epoch's pull request: written anew each time, from the epoch's files alone.

Below GitHub's limit whatever the epoch's size: long tables fold, then end with a link to the preview that has the
rest. Names and texts from outside stand in code spans (`markdown.code`); nothing of theirs is Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from ledger.core.records.approvers import ApproverSet, set_text
from ledger.core.records.epoch import Epoch
from ledger.core.signing import signed_text
from ledger.core.values import units_text
from ledger.flows.amend import Amendment
from ledger.flows.conditions import Condition
from ledger.flows.digest import Decision, Digest, Share
from ledger.forge.amendments import amended_head
from ledger.forge.markdown import block, code, folded, table

T = TypeVar("T")
Room = tuple[int, int]
_COMMENT = re.compile(r"https?://[a-z0-9.:-]+/[A-Za-z0-9-]+/[A-Za-z0-9._-]+/pull/[0-9]{1,9}#issuecomment-[0-9]{1,20}")
LIMIT = 65_536
"""Characters that GitHub takes in a body."""
_ROOM = ((25, 150), (25, 50), (25, 0), (10, 0), (3, 0))
"""Rows that a table shows, and rows behind its fold, before it refers to the preview: the most that fits is taken."""
_KINDS = 3
"""Kinds of events that a person's row names; the person's page has the whole sum."""
_BUDGET = 58_000
"""Characters at which tables are made shorter still."""


def pull_title(epoch: Epoch) -> str:
    """The title: machine values only, so that no text of a stranger acts in a merge commit."""
    return f"Epoch {epoch.scope_id}/{epoch.epoch_id}: {epoch.period_start[:10]} to {epoch.period_end[:10]}"


def pull_body(
    digest: Digest,
    conditions: Sequence[Condition],
    site_url: str,
    questions_url: str,
    pull: int | None = None,
    amended: Amendment | None = None,
) -> str:
    """The whole body in Markdown, shorter than `LIMIT` characters. `pull` is the number of the pull request.

    `amended`: the amendment that it is about; then what changes for whom stands first.
    """
    text = ""
    for room in _ROOM:
        text = _body(digest, conditions, site_url, questions_url, pull, amended, room)
        if len(text) <= _BUDGET:
            break
    return text


def checklist(conditions: Sequence[Condition]) -> str:
    """The state of each condition, as a checklist; what is still open stands out."""
    return "\n".join(
        f"- [x] {one.name}: {code(one.detail, 300)}" if one.met else f"- [ ] **{one.name}**: {code(one.detail, 300)}"
        for one in conditions
    )


def _body(
    digest: Digest,
    conditions: Sequence[Condition],
    site_url: str,
    questions_url: str,
    pull: int | None,
    amended: Amendment | None,
    room: Room,
) -> str:
    epoch, statement, site = digest.derived.epoch, digest.derived.statement, site_url.rstrip("/")
    page = f"{site}/epochs/{epoch.scope_id}/{epoch.epoch_id}/" if site else ""
    signing = f"{site}/sign/{epoch.scope_id}/{epoch.epoch_id}/" if site and amended is None else ""
    preview = f"[the preview]({page})" if page else "`ledger show epoch`"
    by_hand = f"`ledger sign --pr {pull or 'N'}`"
    head = [_headline(digest), *_compared(digest)] if amended is None else [amended_head(amended, preview)]
    parts = [*head, _next(digest, page, signing, by_hand), checklist(conditions)]
    if digest.notices:
        parts.append("### Look twice\n\n" + _rows([f"- {code(who)} {why}" for who, why in digest.notices], room))
    parts.append("### Who gets what, and why\n\n" + _people(digest, site, preview, room))
    if digest.left:
        then = "epoch" if amended is None else "version"
        lost = [f"- {code(name)}: {amount} credits in the {then} before, none in this" for name, amount in digest.left]
        parts.append("### No longer paid\n\n" + _rows(lost, room))
    if digest.unclaimed:
        rows = [
            (code(one.account), code(one.login or ""), str(one.events), units_text(one.units), str(one.credits))
            for one in digest.unclaimed
        ]
        parts.append(
            "### Accounts that nobody claimed, and what each would earn\n\n"
            + _table(("account", "login", "events", "units", "credits"), rows, (2, 3, 4), preview, room)
        )
    if amended is None:
        parts.append("### Completeness of collection\n\n" + _completeness(digest, room))
    if digest.events:
        parts.append(folded("Events by id, as commands name them", _events(digest, preview, room)))
    parts.append("### Decisions so far\n\n" + _decisions(digest, preview, room))
    if digest.objections:
        parts.append("### Questions\n\n" + _questions(digest, room))
    parts.append("### Hashes\n\n" + _hashes(digest))
    if digest.waits is not None:
        parts.append(_approver_set(digest.waits))
    if digest.state == "review":
        sign = f" Or use [the signing page]({signing}), which recomputes it first." if signing else ""
        parts.append(
            f"### Sign\n\nRecompute it on your own machine and sign: {by_hand}. Trust that, not this text of "
            f"a bot.{sign} Then submit an approving review with the one line `/sign 0x…`. The exact text:\n\n"
            + block(signed_text(statement))
        )
    parts.append(
        "<sub>Approvers and curators decide here by commands in comments (`/help`). "
        + (f"Anyone may [ask a question]({questions_url}). " if questions_url else "")
        + "This text is written anew by the ledger; edits are lost.</sub>"
    )
    return "\n\n".join(parts) + "\n"


def _approver_set(line: ApproverSet) -> str:
    """The set that waits: who it names, and the text to sign."""
    people = "\n".join(
        f"- {code(person.id)}: {', '.join(code(wallet) for wallet in person.wallets)}" for person in line.approvers
    )
    return (
        f"### Sign the approver set too\n\nSet {line.seq}: {line.threshold} of these people sign from then on.\n\n"
        f"{people}\n\nEnough of those who decide about it sign this text, and everyone who is new or has a new wallet, "
        "with that. The same review may hold both signatures, a line `/sign 0x…` for each. The exact text:\n\n"
        + block(set_text(line))
    )


def _headline(digest: Digest) -> str:
    epoch, statement = digest.derived.epoch, digest.derived.statement
    state = {
        "open": "is **open**: what it would come to if it closed now, which changes as the week goes on",
        "review": "is **in review**: it waits for signatures",
        "finalized": "is **final**",
    }[digest.state]
    said = (
        f"Epoch {epoch.epoch_id} of scope `{epoch.scope_id}`, {epoch.period_start[:10]} up to {epoch.period_end[:10]}, "
        f"{state}.\n\n**{statement.pool_total_credits} credits** for "
        f"**{counted(len(digest.people), 'person', 'people')}**, from {counted(statement.activity_count, 'event')}."
    )
    if statement.awards_total_credits:
        said += f" {statement.awards_total_credits} of them are **awards**, which are taken out first."
    if statement.held:
        held, accounts = sum(line.amount_credits for line in statement.held), counted(len(statement.held), "account")
        said += f" {held} credits are **held** for {accounts} that nobody claimed."
    if statement.undistributed_credits:
        said += f" {statement.undistributed_credits} credits are **not distributed**."
    if statement.unresolved_count and not statement.held:
        pay = "pays" if statement.unresolved_count == 1 else "pay"
        said += f" {counted(statement.unresolved_count, 'event')} of accounts that nobody claimed {pay} nobody."
    return said


def _compared(digest: Digest) -> list[str]:
    """What changed against the epoch before, in one paragraph."""
    number, old = digest.derived.epoch.epoch_id, [one for one in digest.people if not one.new]
    if number == 1:
        return []
    before = sum(one.before for one in old) + sum(amount for _, amount in digest.left)
    people = sum(one.before > 0 for one in old) + len(digest.left)
    new = len(digest.people) - len(old)
    said = (
        f"Epoch {number - 1} paid {before} credits to {counted(people, 'person', 'people')}; since then {new} came new"
        f" and {len(digest.left)} dropped out."
    )
    moved = [(one.name, one.change) for one in old if one.change] + [(name, -amount) for name, amount in digest.left]
    moved.sort(key=lambda pair: (-abs(pair[1]), pair[0]))
    if moved:
        said += " Largest changes: " + ", ".join(f"{code(name)} {change:+d}" for name, change in moved[:5]) + "."
    return [said]


def _next(digest: Digest, page: str, signing: str, by_hand: str) -> str:
    """What a reader does now."""
    if digest.state == "review":
        ways = f"on [the signing page]({signing}) or by {by_hand}" if signing else f"by {by_hand}"
        return f"**Approvers:** look at what stands below, then sign {ways}."
    return f"[The preview]({page}) shows every event." if page else "`ledger show epoch` lists every event."


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def _people(digest: Digest, site: str, preview: str, room: Room) -> str:
    if not digest.people:
        return "Nobody yet."
    first = digest.derived.epoch.epoch_id == 1 and digest.derived.statement.version == 1
    rows = [
        (
            f"[{code(one.name)}]({site}/contributors/{one.user_id}/)" if site and one.name else code(one.name),
            str(one.credits),
            *([] if first else ["new" if one.new else f"{one.change:+d}"]),
            units_text(one.units),
            one.share,
            _why(one),
        )
        for one in digest.people
    ]
    head = ("who", "credits", *([] if first else ["change"]), "units", "share", "from")
    return _table(head, rows, range(1, len(head) - 1), preview, room)


def _why(one: Share) -> str:
    shown = ", ".join(f"{count} × {code(kind)}" for kind, count in one.kinds[:_KINDS])
    if more := sum(count for _, count in one.kinds[_KINDS:]):
        shown += f" and {more} more"
    if one.override_reason is not None:
        shown += f" · set by decision: {code(one.override_reason)}"
    return shown or "·"


def _events(digest: Digest, preview: str, room: Room) -> str:
    """The events of most units; a link of a pull request, issue or commit names one just as well."""
    rows = [
        (code(one.id, 200), code(one.who), units_text(one.units) if one.counts else "excluded") for one in digest.events
    ]
    left = digest.derived.statement.activity_count - len(rows)
    text = _table(("event", "who", "units"), rows, (2,), preview, (min(room[0], 25), min(room[1], 75)))
    return text + (f"\n\n… and {left} more in {preview}." if left > 0 else "")


def _completeness(digest: Digest, room: Room) -> str:
    """How completely each stream was read, what is missing first."""
    if not digest.streams:
        return "No source has been read yet."
    lines = []
    for one in sorted(digest.streams, key=lambda one: one.complete):
        trouble = [*(f"not covered: {gap}" for gap in one.missing), *one.troubles]
        said = "complete" if one.complete else "**incomplete**: " + "; ".join(code(text) for text in trouble[:5])
        lines.append(f"- {code(one.stream)}: {one.events_seen} seen, {said}")
    return _rows(lines, room)


def _decisions(digest: Digest, preview: str, room: Room) -> str:
    rows = [
        (_when(one), code(one.actor), code(one.what), code(one.subject), code(one.reason)) for one in digest.decisions
    ]
    text = _table(("when", "who", "what", "on", "reason"), rows, (), preview, room) if rows else "None."
    if digest.by_rule:
        text += f"\n\nThe scope's written rules left out {digest.by_rule} events; {preview} lists each."
    return text


def _when(one: Decision) -> str:
    """The time of a decision, leading to the comment that it came from; plain for one that came in another way."""
    at = one.at[:16].replace("T", " ")
    return f"[{at}]({one.evidence})" if _COMMENT.fullmatch(one.evidence or "") else at


def _questions(digest: Digest, room: Room) -> str:
    """Every question, those without an answer first."""
    answers = {line.issue: line.note or "" for line in digest.objections if line.action == "answered"}
    asked = [line.issue for line in digest.objections if line.action == "raised"]
    lines = [
        f"- #{issue}: " + (f"answered: {code(answers[issue])}" if issue in answers else "**open**")
        for issue in sorted(asked, key=lambda issue: (issue in answers, issue))
    ]
    return _rows(lines, room)


def _hashes(digest: Digest) -> str:
    statement = digest.derived.statement
    names = ("activity_root", "curation_hash", "overrides_hash", "pool_hash", "weight_config_hash")
    lines = [f"- statement: `{statement.statement_hash}`", f"- allocations: `{statement.allocation_set_hash}`"]
    lines += [f"- {name.replace('_', ' ')}: `{getattr(statement, name)}`" for name in names]
    lines.append(f"- statement before: `{statement.previous_statement_hash or 'none'}`")
    if statement.supersedes_statement_hash is not None:
        lines.append(f"- supersedes: `{statement.supersedes_statement_hash}`")
    return folded("What the statement is computed from, by hash", "\n".join(lines))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int], preview: str, room: Room) -> str:
    return _cut(rows, room, preview, lambda part: table(head, part, right))


def _rows(lines: Sequence[str], room: Room) -> str:
    return _cut(lines, room, "the preview", "\n".join)


def _cut(rows: Sequence[T], room: Room, preview: str, write: Callable[[Sequence[T]], str]) -> str:
    """The first rows plainly, more behind a fold, and where the rest is."""
    shown, most = room
    text = write(rows[:shown])
    if more := rows[shown : shown + most]:
        text += "\n\n" + folded(f"{len(more)} more", write(more))
    if left := len(rows) - shown - len(more):
        text += f"\n\n… and {left} more in {preview}." if left > 0 else ""
    return text
