"""The pure half of the Discord collector: what counts, what is kept, who may read."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.canonical import is_clean
from ledger.core.values import from_milliseconds, to_milliseconds
from ledger.sources.discord import rules
from ledger.sources.discord.rules import Place

SECRET = b"a node's secret"
GENERAL = Place(20, "text", None, None)
MESSAGE: dict[str, Any] = {
    "id": "1457528400000000005",
    "type": 0,
    "author": {"id": "80351110224678912", "username": "anna"},
    "content": "hello",
    "attachments": [{"id": "1"}],
    "reactions": [{"count": 2}, {"count": 3}],
}


def event(message: dict[str, Any], place: Place = GENERAL, *, keyed: bool = True, show_login: bool = False) -> Any:
    raw = rules.reduce_message(message, "10", place, SECRET, keyed=keyed, veiled=False)
    return rules.event_of(json.loads(json.dumps(raw)), show_login=show_login)


def test_an_ordinary_message_becomes_the_event_of_the_specification() -> None:
    made = event(MESSAGE)
    assert made.id == "discord:message:10:20:1457528400000000005"
    assert (made.event_type, made.source) == ("message_sent", "discord")
    assert made.event_time == rules.time_of(1457528400000000005)
    assert made.artifact_url == "https://discord.com/channels/10/20/1457528400000000005"
    assert made.platform_user_id == hmac.new(SECRET, b"80351110224678912", hashlib.sha256).hexdigest()
    assert made.platform_login is None
    assert made.metadata == {
        "attachment_count": 1,
        "channel_id": "20",
        "channel_kind": "text",
        "length": 5,
        "parent_id": None,
        "reaction_count": 5,
        "reply_to": None,
        "text_hmac": rules.keyed_text(SECRET, MESSAGE["id"], "hello"),
        "thread_id": None,
    }


def test_a_message_in_a_thread_names_the_thread_and_routes_by_either() -> None:
    made = event(MESSAGE, Place(30, "public_thread", 20, None))
    assert made.id == "discord:message:10:30:1457528400000000005"
    assert (made.metadata["thread_id"], made.metadata["parent_id"]) == ("30", "20")
    assert made.facets == {"channels": ("30", "20")}


def test_only_a_reply_refers_to_another_message() -> None:
    reference = {"message_id": "7", "channel_id": "20"}
    assert event(MESSAGE | {"type": 19, "message_reference": reference}).metadata["reply_to"] == "7"
    forwarded = {"type": 0, "message_reference": {"type": 1, **reference}}
    assert event(MESSAGE | forwarded).metadata["reply_to"] is None


def test_logins_and_plain_ids_appear_only_when_the_scope_says_so() -> None:
    shown = event(MESSAGE, keyed=False, show_login=True)
    assert (shown.platform_user_id, shown.platform_login) == ("80351110224678912", "anna")
    hidden = json.dumps(rules.reduce_message(MESSAGE, "10", GENERAL, SECRET, keyed=True, veiled=False))
    assert "80351110224678912" not in hidden


def test_the_same_text_shows_another_hash_in_another_message() -> None:
    here, there = event(MESSAGE), event(MESSAGE | {"id": "1457528400000000006"})
    assert here.metadata["text_hmac"] != there.metadata["text_hmac"]


def test_an_account_id_posted_as_a_message_does_not_betray_its_keyed_id() -> None:
    made = event(MESSAGE | {"content": MESSAGE["author"]["id"]})
    assert made.metadata["text_hmac"] != made.platform_user_id


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"type": 19}, None),
        ({"author": {"id": "5", "username": "Deleted User 5"}}, None),
        ({"webhook_id": "7"}, "webhooks"),
        ({"author": {"id": "5", "bot": True}}, "bots"),
        ({"author": {"id": "5", "system": True}}, "system_messages"),
        *(({"type": kind}, "system_messages") for kind in (6, 7, 8, 18, 20, 21, 22, 23, 24, 46, 999)),
    ],
)
def test_the_rules_leave_out_what_people_did_not_write(change: dict[str, Any], reason: str | None) -> None:
    assert rules.left_out(MESSAGE | change) == reason


@given(st.text(st.characters(codec=None), max_size=50), st.text(st.characters(codec=None), max_size=50))
def test_hostile_texts_and_names_are_reduced_to_clean_values(text: str, name: str) -> None:
    raw = rules.reduce_message(
        MESSAGE | {"content": text, "author": {"id": "5", "username": name}},
        "10",
        GENERAL,
        SECRET,
        keyed=True,
        veiled=False,
    )
    assert raw["length"] == len(text)
    assert all(is_clean(value) for value in raw.values() if isinstance(value, str))


@given(st.integers(1_420_070_400_000, 4_000_000_000_000), st.integers(0, 2**22 - 1))
def test_a_snowflake_holds_its_time_and_the_first_id_of_a_time_its_bound(at_ms: int, sequence: int) -> None:
    time = from_milliseconds(at_ms)
    snowflake = rules.first_id(time) + sequence
    assert rules.time_of(snowflake) == time
    assert to_milliseconds(rules.time_of(rules.first_id(time) - 1 if at_ms > 1_420_070_400_000 else 0)) <= at_ms


EVERYONE, HELPER, BOT = "10", "11", "99"
READ = rules.VIEW_CHANNEL | rules.READ_MESSAGE_HISTORY


def over(who: str, allow: int = 0, deny: int = 0) -> dict[str, Any]:
    return {"id": who, "allow": str(allow), "deny": str(deny)}


@pytest.mark.parametrize(
    ("everyone", "helper", "overwrites", "reads"),
    [
        (READ, 0, [], True),
        (0, READ, [], True),
        (0, 0, [], False),
        (rules.VIEW_CHANNEL, 0, [], False),
        (READ, 0, [over(EVERYONE, deny=READ)], False),
        (READ, 0, [over(EVERYONE, deny=READ), over(HELPER, allow=READ)], True),
        (READ, 0, [over(HELPER, deny=READ), over(BOT, allow=READ)], True),
        (READ, 0, [over(BOT, deny=READ), over(HELPER, allow=READ)], False),
        (READ, 0, [over("12", deny=READ)], True),
        (0, rules.ADMINISTRATOR, [over(EVERYONE, deny=READ)], True),
    ],
)
def test_permissions_follow_discords_order(
    everyone: int, helper: int, overwrites: list[dict[str, Any]], reads: bool
) -> None:
    roles = [{"id": EVERYONE, "permissions": str(everyone)}, {"id": HELPER, "permissions": str(helper)}]
    guild = {"id": EVERYONE, "owner_id": "1", "roles": [*roles, {"id": "12", "permissions": "8"}]}
    member = {"user": {"id": BOT}, "roles": [HELPER]}
    bits = rules.permissions(guild, member, {"permission_overwrites": overwrites})
    assert (bits & READ == READ) is reads
