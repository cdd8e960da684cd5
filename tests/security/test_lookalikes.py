"""Names that look like those of other people: they get nobody's say and nobody's units, and approvers are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.flows.digest import digest
from ledger.flows.display import lookalike
from ledger.flows.identity import bind
from tests.forge.support import forge_node, in_review
from tests.forge.test_commands import say
from tests.nodes import at


@pytest.mark.parametrize("twin", ["аlice", "ALICE", "al\u200bice", "ａlice", "aIice", "alıce", "àlice", "a1ice"])
def test_a_twin_looks_like_the_name_it_imitates(twin: str) -> None:
    assert twin != "alice" and lookalike(twin) == lookalike("alice")


def test_people_with_different_names_do_not_look_alike() -> None:
    names = ["ann", "ben", "cy", "dan", "eve", "anna", "Анна", "Ανν", "李", "王", "", "a-b", "ab"]
    assert len({lookalike(name) for name in names}) == len(names)


def test_an_approver_is_told_when_two_people_have_names_that_look_alike(tmp_path: Path) -> None:
    root = forge_node(tmp_path / "n")
    with at(root, "2026-01-05T00:00:00Z", "ann") as session:
        twin = bind(session, "file", "mallory", login="аlice", evidence="a call", actor="ann")  # Cyrillic а
    with in_review(root) as (session, folder):
        told = [(who, why) for who, why in digest(session, folder).notices if "looks like" in why]
        assert [who for who, _ in told] == ["alice"] and twin.user_id in told[0][1]


def test_no_command_reaches_a_person_by_a_name_that_only_looks_right(tmp_path: Path) -> None:
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        answer = say(session, folder, "/units аlice 9000 for the talk", "ann")  # Cyrillic а
        assert answer is not None and "no user is named" in answer
        assert folder.overrides() == []
