"""Nobody is credited twice for one piece of work, whichever accounts he stands on it with."""

from __future__ import annotations

from ledger.core.onework import REASON, credited_twice
from ledger.core.records.activity import ActivityEvent
from ledger.core.values import UserId
from tests.core.samples import record

ANN, BEN = UserId("6f9a1c52-27c2-4f0c-9f0e-5a1c2d3e4f01"), UserId("6f9a1c52-27c2-4f0c-9f0e-5a1c2d3e4f02")
USERS = {("git", "a"): ANN, ("git", "a2"): ANN, ("git", "b"): BEN, ("github", "101"): ANN, ("github", "a2"): ANN}


def event(key: str, account: str) -> ActivityEvent:
    found = record("event", id=key, source=key.partition(":")[0], platform_user_id=account)
    assert isinstance(found, ActivityEvent)
    return found


def test_a_co_author_who_is_the_author_or_an_earlier_co_author_is_left_out() -> None:
    one, two = "1" * 40, "2" * 40
    events = [
        event(f"git:commit:{one}", "a"),
        event(f"git:coauthor:{one}:1", "a2"),
        event(f"git:coauthor:{one}:2", "b"),
        event(f"git:coauthor:{one}:10", "b"),
        event(f"git:coauthor:{one}:3", "nobody"),
        event(f"git:coauthor:{one}:4", "nobody"),
        event(f"git:coauthor:{two}:1", "a"),  # its author's event lies elsewhere, or is a machine's
        event("github:pr:team/code:7", "101"),
        event("github:coauthor:team/code:7:1", "a2"),
        event("github:pr:team/code:7#other", "101"),
        event("github:coauthor:team/code:7:1#other", "a2"),
    ]
    wanted = {
        f"git:coauthor:{one}:1",
        f"git:coauthor:{one}:10",
        "github:coauthor:team/code:7:1",
        "github:coauthor:team/code:7:1#other",
    }
    assert dict(credited_twice(events, USERS)) == dict.fromkeys(wanted, REASON)
    assert dict(credited_twice(reversed(events), USERS)) == dict.fromkeys(wanted, REASON)
