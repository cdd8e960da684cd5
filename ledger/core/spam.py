"""Anti-spam rules of a scope: which events its written policy leaves out, and why, in words.

They work when an epoch is computed, as decisions on the record that anyone can read and a person can take back by
`include`; collection hides nothing. Pure: events in, reasons out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ledger.core.config import SpamRule
from ledger.core.records.activity import ActivityEvent
from ledger.core.values import EventId

POLICY_ACTOR = "policy"
"""The actor of decisions that a scope's written rules make."""


def policy_exclusions(rules: Sequence[SpamRule], events: Iterable[ActivityEvent]) -> Iterator[tuple[EventId, str]]:
    """Each event that a rule leaves out, with the first rule that fired; by time and id, whatever the log's order.

    A cap counts only events that no other rule left out. A day is a UTC day of the event's own time.
    """
    counted: Counter[tuple[int, str, str, str]] = Counter()
    ordered = sorted(events, key=lambda event: (event.event_time, event.id))
    undone = _undone(ordered) if any(rule.reverts for rule in rules) else {}
    for event in ordered:
        for number, rule in enumerate(rules):
            if rule.source == event.source and (not rule.event_types or event.event_type in rule.event_types):
                reason = _reason(rule, event, undone) or _over_cap(counted, number, rule, event)
                if reason is not None:
                    yield event.id, reason
                    break


def _undone(events: Sequence[ActivityEvent]) -> dict[str, str]:
    """Commits of these events that another one undoes and that nothing brought back, each with the one that undoes it.

    A revert that is itself undone undoes nothing. The last one of a commit counts, so the newest are judged first.
    """
    reverts = {_commit(event): text.split() for event in events if (text := _reverts(event))}
    found: dict[str, str] = {}
    for commit, undoes in reversed(reverts.items()):
        if commit not in found:
            for other in undoes:
                found.setdefault(other, commit)
    return found


def _reverts(event: ActivityEvent) -> str:
    """The commits that an event of git's undoes, with spaces between; empty when it undoes none."""
    undoes = event.metadata.get("reverts")
    return undoes if _commit(event) and isinstance(undoes, str) else ""


def _commit(event: ActivityEvent) -> str:
    """The commit behind an event of git's (`git:REPOSITORY:COMMIT`), also a co-author's; empty for any other id."""
    parts = event.id.split("#")[0].split(":")
    return parts[2] if event.source == "git" and len(parts) > 2 else ""


def _reason(rule: SpamRule, event: ActivityEvent, undone: Mapping[str, str]) -> str | None:
    if rule.empty and event.metadata.get("empty") is True:
        return "policy: changes nothing"
    if rule.reverts and (undoes := _reverts(event)):
        return f"policy: undoes {undoes}"
    if rule.reverts and (by := undone.get(_commit(event))):
        return f"policy: undone by {by}"
    length = event.metadata.get("length")
    if rule.least_length is not None and isinstance(length, int) and length < rule.least_length:
        return f"policy: shorter than {rule.least_length} characters"
    if rule.channels and not {_channel(event), event.metadata.get("channel_id")} & set(rule.channels):
        return "policy: outside the channels that count"
    return None


def _over_cap(
    counted: Counter[tuple[int, str, str, str]], number: int, rule: SpamRule, event: ActivityEvent
) -> str | None:
    if rule.most_per_day is None:
        return None
    key = (number, event.platform_user_id, _channel(event), event.event_time[:10])
    if counted[key] >= rule.most_per_day:
        return f"policy: more than {rule.most_per_day} on one day in one channel"
    counted[key] += 1
    return None


def _channel(event: ActivityEvent) -> str:
    """A thread counts with the channel that it hangs from."""
    return str(event.metadata.get("parent_id") or event.metadata.get("channel_id") or "")
