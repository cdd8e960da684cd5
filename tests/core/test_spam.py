"""A scope's written rules: what they leave out, in which order, and what a cap counts apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ledger.core.config import ScopeSettings, SpamRule
from ledger.core.records.activity import ActivityEvent
from ledger.core.spam import policy_exclusions
from ledger.store.yamlfile import parse_yaml
from tests.core.samples import record


def message(number: int, **changes: Any) -> ActivityEvent:
    metadata = {"channel_id": "7", "parent_id": None, "length": 20, **changes.pop("metadata", {})}
    event = record(
        "event",
        source="discord",
        event_type="message_sent",
        id=f"discord:message:1:7:{number}",
        event_time=f"2026-01-06T00:00:{number:02d}.000Z",
        platform_user_id="a",
        metadata=metadata,
        **changes,
    )
    assert isinstance(event, ActivityEvent)
    return event


def rules(*given: dict[str, Any]) -> tuple[SpamRule, ...]:
    return ScopeSettings.load({"scope_id": "default", "spam": list(given)}, "scopes/default.yaml").spam


def left_out(given: tuple[SpamRule, ...], *events: ActivityEvent) -> dict[str, str]:
    return {event_id.rpartition(":")[2]: reason for event_id, reason in policy_exclusions(given, events)}


def test_a_cap_keeps_the_first_of_the_day_whatever_the_order_of_the_log() -> None:
    cap = rules({"source": "discord", "most_per_day": 2})
    events = [message(n) for n in (3, 1, 4, 2)]
    assert list(left_out(cap, *events)) == ["3", "4"]
    assert left_out(cap, *events) == left_out(cap, *reversed(events))
    assert "more than 2 on one day" in left_out(cap, *events)["3"]


def test_threads_count_with_their_channel_and_other_channels_apart() -> None:
    cap = rules({"source": "discord", "most_per_day": 1})
    thread = message(2, metadata={"channel_id": "99", "parent_id": "7"})
    elsewhere = message(3, metadata={"channel_id": "8"})
    assert list(left_out(cap, message(1), thread, elsewhere)) == ["2"]


def commit(letter: str, undoes: str = "", **more: Any) -> ActivityEvent:
    metadata = {**({"reverts": undoes * 40} if undoes else {}), **more}
    event = record(
        "event", source="git", event_type="commit_authored", id=f"git:commit:{letter * 40}",
        event_time=f"2026-01-06T00:00:0{ord(letter) - 97}.000Z", metadata=metadata,
    )  # fmt: skip
    assert isinstance(event, ActivityEvent)
    return event


def test_reverts_cancel_what_they_undo_unless_they_are_undone_themselves() -> None:
    cancel = rules({"source": "git", "reverts": True, "empty": True})
    short = {letter * 40: letter for letter in "abcd"}

    def cancelled(*events: ActivityEvent) -> str:
        return "".join(sorted(short[each] for each in left_out(cancel, *events)))

    assert cancelled(commit("a"), commit("b", "a")) == "ab"
    assert cancelled(commit("a"), commit("b", "a"), commit("c", "b")) == "bc"
    assert cancelled(commit("a"), commit("b", "a"), commit("c", "b"), commit("d", "c")) == "abcd"
    assert cancelled(commit("b", "a")) == "b"  # what it undoes was paid in an epoch that is final
    assert cancelled(commit("a"), commit("b", empty=True)) == "b"
    assert left_out(rules({"source": "git"}), commit("a"), commit("b", "a")) == {}


def test_what_is_too_short_does_not_use_up_the_cap() -> None:
    both = rules({"source": "discord", "most_per_day": 1, "least_length": 5})
    found = left_out(both, message(1, metadata={"length": 4}), message(2), message(3))
    assert found["1"] == "policy: shorter than 5 characters"
    assert "2" not in found
    assert "3" in found


def test_only_listed_channels_count_where_channels_are_listed() -> None:
    listed = rules({"source": "discord", "channels": ["7"]})
    thread_of_it = message(2, metadata={"channel_id": "99", "parent_id": "7"})
    assert list(left_out(listed, message(1), thread_of_it, message(3, metadata={"channel_id": "8"}))) == ["3"]


def test_rules_of_another_source_or_kind_leave_an_event_alone() -> None:
    other = rules(
        {"source": "github", "most_per_day": 1}, {"source": "discord", "event_types": ["x"], "least_length": 99}
    )
    assert left_out(other, message(1), message(2)) == {}


def test_the_example_in_the_documentation_leaves_out_what_it_says() -> None:
    page = (Path(__file__).parents[2] / "docs/operate.md").read_text("utf-8")
    shown = page.partition("```yaml\nspam:\n")[2].partition("```")[0]
    given = parse_yaml(f"scope_id: default\nspam:\n{shown}".encode(), "docs/operate.md")
    rule, commits = ScopeSettings.load(given, "docs/operate.md").spam
    assert commits.reverts and commits.empty
    short = message(1, metadata={"channel_id": "1234", "length": 4})
    elsewhere = message(2, metadata={"channel_id": "7"})
    many = [message(n, metadata={"channel_id": "1234"}) for n in range(3, 24)]
    assert list(left_out((rule,), short, elsewhere, *many)) == ["1", "2", "23"]
