"""The pull request's body: what approvers read, inert whatever the names, and below GitHub's limit at any size."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from ledger.flows.digest import Decision, Digest, Share, Unclaimed, digest, ready
from ledger.flows.display import safe_text
from ledger.forge.body import LIMIT, pull_body, pull_title
from ledger.forge.markdown import code
from tests.forge.support import forge_node, in_review, signature_of
from tests.forge.test_commands import say

ASK = "https://github.com/acme/ledger/issues/new?template=question.yml&scope=default&epoch=1"


def body(view: Digest, site: str = "https://ledger.example.org") -> str:
    return pull_body(view, view.conditions, site, ASK)


def test_an_epoch_in_review_reads_well(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        say(session, folder, "/exclude file:work:b1 counted elsewhere")
        view = digest(session, folder)
        assert pull_title(view.derived.epoch) == "Epoch default/1: 2026-01-05 to 2026-01-12"
        assert body(view) == snapshot


def test_the_same_epoch_gives_the_same_body(tmp_path: Path) -> None:
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        assert body(digest(session, folder)) == body(digest(session, folder))


def test_conditions_come_true_one_by_one(tmp_path: Path) -> None:
    from ledger.flows.sign import sign

    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        open_ = [one.name for one in digest(session, folder).conditions if not one.met]
        assert open_ == ["signatures"] and not ready(session, folder)
        for name in ("ann", "ben"):
            sign(session, folder, signature_of(session, folder, name))
        assert [one.name for one in digest(session, folder).conditions if not one.met] == []
        assert ready(session, folder)


def _grown(view: Digest, people: int, name: str = "someone") -> Digest:
    shares = tuple(
        Share(f"{n:032x}", f"{name}-{n}", 10_000 - n, 1000 * n, "0.000100", ((f"github:kind_{n}", n),), n - 1, None)
        for n in range(people)
    )
    accounts = tuple(Unclaimed(f"discord:{n}", f"login-{n}", n, n, n) for n in range(people))
    notices = tuple((f"{name}-{n}", f"is new here and gets {n} credits") for n in range(people))
    return dataclasses.replace(view, people=shares, unclaimed=accounts, notices=notices)


@pytest.mark.parametrize("people", [1, 200, 10_000])
@pytest.mark.parametrize("name", ["a", "x" * 120, "`" * 90])
def test_it_stays_below_githubs_limit(tmp_path: Path, people: int, name: str) -> None:
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        text = body(_grown(digest(session, folder), people, name))
        assert len(text) < LIMIT
        assert text.count("<details>") == text.count("</details>")
        assert "Cogni Payout Statement" in text, "the text to sign is always whole"
        if people == 10_000:
            assert re.search(r"… and \d+ more in \[the preview\]", text)


HOSTILE = [
    "@everyone",
    "<script>alert(1)</script>",
    "![x](https://evil.example/p.png)",
    "closes #1",
    "a|b",
    "`tick`",
    "``",
    "line\nbreak",
    "\u202etxt.exe",
    "\x1b[31m",
    "::add-mask::x",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_is_inert(tmp_path: Path, text: str) -> None:
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        view = digest(session, folder)
        share: Any = dataclasses.replace(view.people[0], name=text)
        shown = body(dataclasses.replace(view, people=(share,), notices=((text, "is new"),)))
        plain = body(
            dataclasses.replace(view, people=(dataclasses.replace(share, name="x"),), notices=(("x", "is new"),))
        )
        assert _outside(shown) == _outside(plain)
        assert "\x1b" not in shown and "\u202e" not in shown


def _outside(text: str) -> str:
    """A text without its code spans (GFM 6.1) and escapes of bars in them."""
    return re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", text)


@pytest.mark.parametrize(("text", "shown"), [("a", "`a`"), ("a`b", "`` a`b ``"), ("", ""), ("a|b", "`a\\|b`")])
def test_code_spans(text: str, shown: str) -> None:
    assert code(text) == shown


def test_long_and_invisible_text_is_shown_short_and_escaped() -> None:
    assert safe_text("x" * 300, 10) == "x" * 10 + "…"
    assert safe_text("a\u200bb") == "a\\u{200b}b"


@pytest.mark.parametrize(
    ("evidence", "shown"),
    [
        (
            "https://github.com/acme/led/pull/3#issuecomment-9",
            "| [2026-01-13 08:00](https://github.com/acme/led/pull/3#issuecomment-9) |",
        ),
        ("https://evil.example/x", "| 2026-01-13 08:00 |"),
        ("x) @everyone (y", "| 2026-01-13 08:00 |"),
        (None, "| 2026-01-13 08:00 |"),
    ],
)
def test_a_decision_leads_to_the_comment_that_it_came_from(tmp_path: Path, evidence: str | None, shown: str) -> None:
    """One that came in another way shows that: whoever may push to the branch can write one in another's name."""
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        view = digest(session, folder)
        made = Decision("2026-01-13T08:00:00.000Z", "ann", "excludes", "file:work:a1", "no", evidence)  # type: ignore[arg-type]
        text = body(dataclasses.replace(view, decisions=(made,)))
        assert shown in text
        assert "evil" not in text and "everyone" not in text
