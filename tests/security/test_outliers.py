"""A reviewer's eye is led to what stands out before any long table begins."""

from __future__ import annotations

from pathlib import Path

from ledger.flows.digest import digest
from ledger.forge.body import pull_body
from tests.forge.support import forge_node, in_review

LARGE = "% of the epoch (more than"


def test_a_large_share_is_pointed_out_before_the_table(tmp_path: Path) -> None:
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        view = digest(session, folder)
        assert len(view.people) > 1
        told = {who for who, why in view.notices if LARGE in why}
        assert told == {one.name for one in view.people if one.credits * 4 > sum(each.credits for each in view.people)}
        assert told
        text = pull_body(view, view.conditions, "", "")
        assert 0 < text.index(LARGE) < text.index("### Who gets what")


def test_the_scope_says_what_is_large(tmp_path: Path) -> None:
    with in_review(forge_node(tmp_path / "n", extra="outlier_percent: 100\n")) as (session, folder):
        assert [why for _, why in digest(session, folder).notices if LARGE in why] == []
