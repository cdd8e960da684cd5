"""Who changed a settings file, and who brought the change to the main line."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from ledger.site.history import History
from tests.browser.sites import commit


def git(root: Path, *arguments: str, who: str = "Maria") -> None:
    names = {f"GIT_{role}_{part}": who for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    environ = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, **names}
    subprocess.run(["git", *arguments], cwd=root, env=environ, check=True, capture_output=True)


def test_a_merged_branch_is_its_authors_change_and_its_mergers_merge(tmp_path: Path) -> None:
    weights = tmp_path / "weights.yaml"
    weights.write_text("1", "utf-8")
    commit(tmp_path, "Begin", author="Maria")
    git(tmp_path, "switch", "--create", "reviews")
    for number in (2, 3):
        weights.write_text(str(number), "utf-8")
        commit(tmp_path, f"Try {number}", author="Bea")
    git(tmp_path, "switch", "main")
    git(tmp_path, "merge", "--no-ff", "--message", "Merge the change of reviews", "reviews")
    merged, begun = History(tmp_path).versions("weights.yaml")
    assert (merged.author, merged.merger, merged.subject) == ("Bea", "Maria", "Merge the change of reviews")
    assert (merged.data, begun.data) == (b"3", b"1"), "what the branch tried on its way never stood"
    assert (begun.author, begun.merger) == ("Maria", "Maria")


def test_a_change_that_was_put_on_the_main_line_names_author_and_committer(tmp_path: Path) -> None:
    (tmp_path / "weights.yaml").write_text("1", "utf-8")
    commit(tmp_path, "Begin", author="Bea", committer="Maria")
    (version,) = History(tmp_path).versions("weights.yaml")
    assert (version.author, version.merger) == ("Bea", "Maria")


def test_outside_a_repository_there_is_no_history(tmp_path: Path) -> None:
    (tmp_path / "weights.yaml").write_text("1", "utf-8")
    assert list(History(tmp_path).versions("weights.yaml")) == []
