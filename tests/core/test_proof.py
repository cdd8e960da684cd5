"""Challenges: what they name, that an answer works once, and what counts as saying the code."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest

from ledger.core.canonical import sha256_hex
from ledger.core.proof import Challenge, event_says, nonce_of
from ledger.core.records.activity import ActivityEvent
from ledger.core.records.decisions import Binding
from ledger.core.values import UserId
from tests.core.samples import NODE, record, user

CHALLENGE = Challenge(NODE, UserId(user(1)), ("github", "42"), 0)


def event(**metadata: Any) -> ActivityEvent:
    found = record("event", id="discord:message:1:2:3#beta", metadata=metadata)
    assert isinstance(found, ActivityEvent)
    return found


def test_the_text_names_node_user_account_and_nonce() -> None:
    assert CHALLENGE.text.split("\n") == [
        "Contribution Ledger Identity Proof",
        f"Node: {NODE}",
        f"User: {user(1)}",
        "Account: github:42",
        "Nonce: 0",
    ]


def test_each_part_of_the_text_changes_the_code() -> None:
    others = [
        Challenge("7" * 8 + NODE[8:], UserId(user(1)), ("github", "42"), 0),
        Challenge(NODE, UserId(user(2)), ("github", "42"), 0),
        Challenge(NODE, UserId(user(1)), ("discord", "42"), 0),
        Challenge(NODE, UserId(user(1)), ("github", "43"), 0),
        Challenge(NODE, UserId(user(1)), ("github", "42"), 1),
    ]
    assert len({CHALLENGE.code, *(other.code for other in others)}) == 6


def test_the_nonce_grows_with_every_line_about_the_account_and_with_no_other() -> None:
    lines = [
        record("binding", provider="github", external_id="42"),
        record("binding", provider="github", external_id="42", action="unbind"),
        record("binding", provider="discord", external_id="42"),
    ]
    log = [line for line in lines if isinstance(line, Binding)]
    assert nonce_of(log, ("github", "42")) == 2
    assert nonce_of(log, ("git", "42")) == 0


def test_a_title_a_public_hash_or_a_keyed_hash_says_the_code() -> None:
    code = CHALLENGE.code
    keyed = hmac.new(b"secret", f"text:3:{code}".encode(), hashlib.sha256).hexdigest()
    assert event_says(event(title=code).model_copy(update={"source": "git"}), code, None)
    assert event_says(event(text_sha256=sha256_hex(code.encode())), code, None)
    assert event_says(event(text_hmac=keyed), code, b"secret")
    assert not event_says(event(text_hmac=keyed), code, b"another secret")
    assert not event_says(event(text_hmac=keyed), code, None)


@pytest.mark.parametrize(
    ("source", "event_type"),
    [("github", "pr_coauthored"), ("git", "commit_coauthored"), ("github", "pr_merged"), ("github", "issue_closed")],
)
def test_a_title_speaks_for_nobody_who_may_not_have_written_it(source: str, event_type: str) -> None:
    named = event(title=CHALLENGE.code).model_copy(update={"source": source, "event_type": event_type})
    assert not event_says(named, CHALLENGE.code, b"secret")


def test_more_than_the_code_does_not_say_it() -> None:
    more = event(title=f"{CHALLENGE.code} and more").model_copy(update={"source": "git"})
    assert not event_says(more, CHALLENGE.code, None)
    assert not event_says(event(length=5), CHALLENGE.code, b"secret")
