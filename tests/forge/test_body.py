"""The pull request's body: what approvers read, inert whatever the names, and below GitHub's limit at any size."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from ledger.core.records.decisions import Objection
from ledger.core.signing import signed_text
from ledger.flows.completeness import StreamStatus
from ledger.flows.conditions import ready
from ledger.flows.digest import Decision, Digest, Share, Unclaimed, digest
from ledger.flows.display import safe_text
from ledger.forge.body import LIMIT, pull_body, pull_title
from ledger.forge.markdown import code
from tests.flows.test_digest import rows, told
from tests.forge.support import forge_node, in_review, signature_of
from tests.forge.test_commands import say
from tests.nodes import NODE_ID, set_in_scope

ASK = "https://github.com/acme/ledger/issues/new?template=question.yml&scope=default&epoch=1"


def body(view: Digest, site: str = "https://ledger.example.org") -> str:
    return pull_body(view, view.conditions, site, ASK)


def test_an_epoch_in_review_reads_well(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        say(session, folder, "/exclude file:work:b1 counted elsewhere")
        view = digest(session, folder)
        assert pull_title(view.derived.epoch) == "Epoch default/1: 2026-01-05 to 2026-01-12"
        assert body(view) == snapshot


def test_awards_and_held_shares_are_told_at_the_top(tmp_path: Path) -> None:
    root = forge_node(tmp_path / "n")
    set_in_scope(root, "unresolved: hold\n")
    with in_review(root) as (session, folder):
        say(session, folder, "/award alice 10 hosted the call")
        top = body(digest(session, folder)).partition("- [x]")[0]
    assert "10 of them are **awards**" in top and "1998 credits are **held** for 1 account that nobody claimed" in top
    assert "pays nobody" not in top


def test_what_changed_against_the_epoch_before_is_one_paragraph(tmp_path: Path) -> None:
    weeks = rows({"alice": 2, "bob": 1, "carol": 1}, {"alice": 1, "carol": 2, "dan": 1})
    text = body(told(tmp_path / "n", weeks, weeks=2))
    assert (
        "Epoch 1 paid 10000 credits to 3 people; since then 1 came new and 1 dropped out. "
        "Largest changes: `alice` -2500, `bob` -2500, `carol` +2500." in text
    )
    cells = {line.split("`")[1]: line.split(" | ")[1:3] for line in text.splitlines() if "/contributors/" in line}
    assert cells == {"carol": ["5000", "+2500"], "alice": ["2500", "-2500"], "dan": ["2500", "new"]}


def test_an_approver_is_told_at_the_top_where_to_sign(tmp_path: Path) -> None:
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        view = digest(session, folder)
        top = pull_body(view, view.conditions, "https://ledger.example.org/", ASK, 12).partition("- [x]")[0]
        assert "[the signing page](https://ledger.example.org/sign/default/1/)" in top
        assert "`ledger sign --pr 12`" in top


def test_each_person_leads_to_the_worked_sum(tmp_path: Path) -> None:
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        view = digest(session, folder)
        user = view.people[0].user_id
        assert f"| [`{view.people[0].name}`](https://ledger.example.org/contributors/{user}/) | " in body(view)
        assert f"| `{view.people[0].name}` | " in body(view, site=""), "without a site there is nothing to lead to"


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
        Share(f"{n:032x}", f"{name}-{n}", 10_000 - n, 1000 * n, "0.000100", ((f"github:kind_{n}", n),), n, False, None)
        for n in range(people)
    )
    accounts = tuple(Unclaimed(f"discord:{n}", f"login-{n}", n, n, n) for n in range(people))
    notices = tuple((f"{name}-{n}", f"is new here and gets {n} credits") for n in range(people))
    left = tuple((f"{name}-{n}", n) for n in range(people))
    streams = tuple(StreamStatus("git", f"{name}-{n}", n, (name,) * 9, (name,) * 9) for n in range(people))
    made = tuple(Decision(view.derived.epoch.opened_at, name, name, name, name, None) for _ in range(people))
    asked = tuple(Objection.read(ASKED | {"issue": n + 1, "seq": n + 1}) for n in range(people))
    return dataclasses.replace(
        view,
        people=shares,
        left=left,
        unclaimed=accounts,
        notices=notices,
        streams=streams,
        decisions=made,
        objections=asked,
    )


ASKED = {
    "action": "raised",
    "actor": "github:104",
    "at": "2026-01-13T08:00:00.000Z",
    "epoch_id": 1,
    "evidence": "https://github.com/acme/ledger/issues/1",
    "node_id": NODE_ID,
    "note": None,
    "scope_id": "default",
    "person": None,
}


@pytest.mark.parametrize("people", [1, 200, 10_000])
@pytest.mark.parametrize("name", ["a", "x" * 120, "`" * 90])
def test_it_stays_below_githubs_limit(tmp_path: Path, people: int, name: str) -> None:
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        view = digest(session, folder)
        text = body(_grown(view, people, name))
        assert len(text) < LIMIT
        assert text.count("<details>") == text.count("</details>")
        assert signed_text(view.derived.statement) in text, "the text to sign is always whole"
        assert text.endswith("edits are lost.</sub>\n"), "nothing is cut at the end"
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
