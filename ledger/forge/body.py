"""The body of an epoch's pull request: written anew each time, from the epoch's files alone.

Below GitHub's limit whatever the epoch's size: long tables fold, then end with a link to the preview that has the
rest. Names and texts from outside stand in code spans (`markdown.code`); nothing of theirs is Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from ledger.core.records import Epoch
from ledger.core.signing import signed_text
from ledger.flows.digest import Condition, Decision, Digest, Share
from ledger.forge.markdown import block, code, folded, table

T = TypeVar("T")
_COMMENT = re.compile(r"https?://[a-z0-9.:-]+/[A-Za-z0-9-]+/[A-Za-z0-9._-]+/pull/[0-9]{1,9}#issuecomment-[0-9]{1,20}")
LIMIT = 65_536
"""Characters that GitHub takes in a body."""
_SHOWN, _FOLDED = 25, 150
"""Rows shown, and rows behind a fold, before a table refers to the preview."""
_BUDGET = 58_000
"""Characters at which folded tables are made shorter still."""


def pull_title(epoch: Epoch) -> str:
    """The title: machine values only, so that no text of a stranger acts in a merge commit."""
    return f"Epoch {epoch.scope_id}/{epoch.epoch_id}: {epoch.period_start[:10]} to {epoch.period_end[:10]}"


def pull_body(digest: Digest, conditions: Sequence[Condition], site_url: str, questions_url: str) -> str:
    """The whole body in Markdown, shorter than `LIMIT` characters."""
    for most in (_FOLDED, 50, 0):
        text = _body(digest, conditions, site_url, questions_url, most)
        if len(text) <= _BUDGET:
            return text
    return text[: LIMIT - 200] + "\n\n… cut here; the preview has everything."


def checklist(conditions: Sequence[Condition]) -> str:
    """The state of each condition, as a checklist."""
    return "\n".join(
        f"- [{'x' if one.met else ' '}] {one.name}: {code(one.detail, 300)}" if one.detail else f"- {one.name}"
        for one in conditions
    )


def _body(digest: Digest, conditions: Sequence[Condition], site_url: str, questions_url: str, most: int) -> str:
    epoch, statement = digest.derived.epoch, digest.derived.statement
    page = f"{site_url.rstrip('/')}/epochs/{epoch.scope_id}/{epoch.epoch_id}/" if site_url else ""
    preview = f"[the preview]({page})" if page else "`ledger show epoch`"
    parts = [_headline(digest), checklist(conditions)]
    if digest.notices:
        parts.append("### Look twice\n\n" + _rows([f"- {code(who)} {why}" for who, why in digest.notices], most))
    parts.append("### Who gets what, and why\n\n" + _people(digest, preview, most))
    if digest.left:
        lost = [f"- {code(name)}: {amount} credits in the epoch before, none in this" for name, amount in digest.left]
        parts.append("### No longer paid\n\n" + _rows(lost, most))
    if digest.unclaimed:
        rows = [
            (code(one.account), code(one.login or ""), str(one.events), str(one.units), str(one.credits))
            for one in digest.unclaimed
        ]
        parts.append(
            "### Accounts that nobody claimed, and what each would earn\n\n"
            + _table(("account", "login", "events", "milli-units", "credits"), rows, (2, 3, 4), preview, most)
        )
    parts.append("### Completeness of collection\n\n" + _completeness(digest))
    parts.append("### Decisions so far\n\n" + _decisions(digest, preview, most))
    if digest.objections:
        parts.append("### Questions\n\n" + _questions(digest))
    parts.append("### Hashes\n\n" + _hashes(digest))
    if digest.state == "review":
        sign = f" Or use [the signing page]({page}#sign), which recomputes it first." if page else ""
        parts.append(
            "### Sign\n\nRecompute it on your own machine and sign: `ledger sign --pr N`. Trust that, not this text of "
            f"a bot.{sign} Then submit an approving review with the one line `/sign 0x…`. The exact text:\n\n"
            + block(signed_text(statement))
        )
    parts.append(
        "<sub>Approvers and curators decide here by commands in comments (`/help`). "
        + (f"Anyone may [ask a question]({questions_url}). " if questions_url else "")
        + "This text is written anew by the ledger; edits are lost.</sub>"
    )
    return "\n\n".join(parts) + "\n"


def _headline(digest: Digest) -> str:
    epoch, statement = digest.derived.epoch, digest.derived.statement
    state = {
        "open": "is **open**: figures are provisional and change as the week goes on",
        "review": "is **in review**: it waits for signatures",
        "finalized": "is **final**",
    }[digest.state]
    return (
        f"Epoch {epoch.epoch_id} of scope `{epoch.scope_id}`, {epoch.period_start[:10]} up to {epoch.period_end[:10]}, "
        f"{state}.\n\n{statement.pool_total_credits} credits for {counted(len(digest.people), 'person', 'people')}, "
        f"from {counted(statement.activity_count, 'event')}. {statement.undistributed_credits} credits are not "
        f"distributed; {counted(statement.unresolved_count, 'event')} of accounts that nobody claimed."
    )


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def _people(digest: Digest, preview: str, most: int) -> str:
    if not digest.people:
        return "Nobody yet."
    first = digest.derived.epoch.epoch_id == 1
    rows = [
        (code(one.name), str(one.credits), *([] if first else [_change(one)]), str(one.units), one.share, _why(one))
        for one in digest.people
    ]
    head = ("who", "credits", *([] if first else ["change"]), "milli-units", "share", "from")
    return _table(head, rows, range(1, len(head) - 1), preview, most)


def _change(one: Share) -> str:
    return "new" if one.before is None else f"{one.credits - one.before:+d}"


def _why(one: Share) -> str:
    shown = ", ".join(f"{count} × {code(kind)}" for kind, count in one.kinds[:4])
    if len(one.kinds) > 4:
        shown += f" and {sum(count for _, count in one.kinds[4:])} more"
    if one.override_reason is not None:
        shown += f" · set by decision: {code(one.override_reason)}"
    return shown or "·"


def _completeness(digest: Digest) -> str:
    if not digest.streams:
        return "No source has been read yet."
    lines = []
    for one in digest.streams:
        trouble = [*(f"not covered: {gap}" for gap in one.missing), *one.troubles]
        said = "complete" if one.complete else "**incomplete**: " + "; ".join(code(text) for text in trouble[:5])
        lines.append(f"- {code(one.stream)}: {one.events_seen} seen, {said}")
    return "\n".join(lines)


def _decisions(digest: Digest, preview: str, most: int) -> str:
    rows = [
        (_when(one), code(one.actor), code(one.what), code(one.subject), code(one.reason)) for one in digest.decisions
    ]
    text = _table(("when", "who", "what", "on", "reason"), rows, (), preview, most) if rows else "None."
    if digest.by_rule:
        text += f"\n\nThe scope's written anti-spam rules left out {digest.by_rule} events; {preview} lists each."
    return text


def _when(one: Decision) -> str:
    """The time of a decision, leading to the comment that it came from; plain for one that came in another way."""
    at = one.at[:16].replace("T", " ")
    return f"[{at}]({one.evidence})" if _COMMENT.fullmatch(one.evidence or "") else at


def _questions(digest: Digest) -> str:
    answers = {line.issue: line.note or "" for line in digest.objections if line.action == "answered"}
    return "\n".join(
        f"- #{line.issue}: " + (f"answered: {code(answers[line.issue])}" if line.issue in answers else "**open**")
        for line in digest.objections
        if line.action == "raised"
    )


def _hashes(digest: Digest) -> str:
    statement = digest.derived.statement
    names = ("activity_root", "curation_hash", "overrides_hash", "pool_hash", "weight_config_hash")
    lines = [f"- statement: `{statement.statement_hash}`", f"- allocations: `{statement.allocation_set_hash}`"]
    lines += [f"- {name.replace('_', ' ')}: `{getattr(statement, name)}`" for name in names]
    lines.append(f"- statement before: `{statement.previous_statement_hash or 'none'}`")
    return folded("What the statement is computed from, by hash", "\n".join(lines))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int], preview: str, most: int) -> str:
    return _cut(rows, most, preview, lambda part: table(head, part, right))


def _rows(lines: Sequence[str], most: int) -> str:
    return _cut(lines, most, "the preview", "\n".join)


def _cut(rows: Sequence[T], most: int, preview: str, write: Callable[[Sequence[T]], str]) -> str:
    """The first rows plainly, more behind a fold, and where the rest is."""
    text = write(rows[:_SHOWN])
    if more := rows[_SHOWN : _SHOWN + most]:
        text += "\n\n" + folded(f"{len(more)} more", write(more))
    if left := len(rows) - _SHOWN - len(more):
        text += f"\n\n… and {left} more in {preview}." if left > 0 else ""
    return text
