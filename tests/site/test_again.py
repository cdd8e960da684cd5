"""A build that takes pages over from an earlier one gives the bytes of one from nothing, whatever happened since."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.core.canonical import sha256_hex
from ledger.flows.amend import begin
from ledger.flows.collect import collect
from ledger.flows.session import Session
from ledger.site.again import MARKER, Earlier, Kept, frozen, marker, tool_hash
from ledger.site.build import build_site
from ledger.site.links import Repository
from ledger.site.render import Renderer
from ledger.site.templates import templates_folder
from tests.nodes import GOLDEN, at, digest, golden_copy

ONE, TWO, THREE = "1" * 40, "2" * 40, "3" * 40


def built(session: Session, out: Path, commit: str, reuse: Path | None = None) -> tuple[dict[str, str], list[str]]:
    said: list[str] = []
    build_site(session.node, session.engine, out, verification=None, commit=commit, tell=said.append, reuse=reuse)
    return digest(out), [text for text in said if str(reuse) in text]


def test_a_build_with_an_earlier_one_is_a_build_from_nothing(tmp_path: Path) -> None:
    root = golden_copy(tmp_path / "node")
    first = tmp_path / "first"
    with at(root, "2026-02-01") as session:
        built(session, first, ONE)
        again, said = built(session, tmp_path / "again", TWO, first)
    pages = len(Earlier.read(first).pages)  # type: ignore[union-attr]
    assert said == [f"{pages} of {pages} pages are those of {first}"]  # only the commit is another one
    page = first / "epochs/default/1/index.html"
    page.write_text(page.read_text("utf-8").replace("alice", "mallory"), "utf-8")
    (first / "epochs/default/2/index.html").unlink()
    with at(root, "2026-02-01") as session:
        whole, _ = built(session, tmp_path / "whole", TWO)
        assert again == whole
        collect(session)  # opens what is due
        session.actor = session.node.scope("default").approvers[0].id
        begin(session, session.node.epoch("default", 1), "error", "counted wrong", "https://example.org/1")
        mended, said = built(session, first, THREE, first)
        assert mended == built(session, tmp_path / "fresh", THREE)[0]
    same = int(said[0].split()[0])
    assert 0 < same < pages - 2  # neither what was altered, nor what changed


def kept_page(folder: Path, body: str, made_from: str, commit: str | None) -> Earlier:
    """A site of one page that was made with `made_from`, and what it keeps of it."""
    place = made_from[:40]
    (folder / "a/b").mkdir(parents=True)
    text = body.replace(place, commit) if commit else body
    (folder / "a/b/index.html").write_text(f"<html>{text}</html>", "utf-8")
    kept = Kept(made_from, sha256_hex(body.encode()), 6, len(text.encode()))
    (folder / MARKER).write_bytes(marker(commit, {"a/b": kept}))
    found = Earlier.read(folder)
    assert found is not None
    return found


def test_a_page_is_taken_over_only_with_the_bytes_that_were_made_and_from_the_same(tmp_path: Path) -> None:
    key = "ab" * 32
    body = f"<p>At {key[:40]}, é</p>"
    earlier = kept_page(tmp_path / "site", body, key, ONE)
    assert earlier.body("a/b", key, key[:40]) == body
    assert earlier.body("a/b", "cd" * 32, key[:40]) is None
    assert earlier.body("a/c", key, key[:40]) is None
    page = tmp_path / "site/a/b/index.html"
    page.write_text(page.read_text("utf-8").replace("é", "e"), "utf-8")
    assert earlier.body("a/b", key, key[:40]) is None
    page.write_bytes(page.read_bytes().replace(b"e</p>", b"\xff</p>"))
    assert earlier.body("a/b", key, key[:40]) is None


def test_a_page_that_tells_of_the_very_commit_that_the_site_was_built_from_is_made_anew(tmp_path: Path) -> None:
    key = "ab" * 32
    earlier = kept_page(tmp_path / "site", f"<p>Event git:commit:{ONE}, at {key[:40]}</p>", key, ONE)
    assert earlier.body("a/b", key, key[:40]) is None


@pytest.mark.parametrize(
    "text",
    [
        None,
        "This folder is rebuilt.\n",
        "{}\n",
        '{"commit":null,"format":"x","pages":{}}\n',
        '{"commit":7,"format":"ledger-site/1","pages":{}}\n',
        '{"commit":"a","format":"ledger-site/1","pages":{}}\n',
    ],
)
def test_a_folder_that_kept_nothing_is_passed_over_with_a_word(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / MARKER).write_text(text, "utf-8")
    assert Earlier.read(tmp_path) is None


def test_what_a_page_is_made_from_follows_from_values_alone(tmp_path: Path) -> None:
    one, other = "ab" * 30, "".join(["ab"] * 30)
    assert frozen([one, one]) == frozen([one, other])
    with at(GOLDEN, "2026-02-01") as session:
        statement = session.node.epoch("default", 1).statement()
        assert statement is not None
        assert frozen(statement) == frozen(statement.model_copy())
    copy = tmp_path / "templates"
    shutil.copytree(templates_folder(), copy)
    before = tool_hash(copy)
    (copy / "pages/epoch.html").write_text("another page", "utf-8")
    assert tool_hash(copy) != before


def test_another_name_or_another_repository_is_another_page() -> None:
    renderer = Renderer(templates_folder() / "pages", Repository(), {}, {"u": "ada"}, {}, "", "", {})
    others = [
        replace(renderer, names={"u": "Ada"}),
        replace(renderer, repository=Repository("acme/ledger")),
        replace(renderer, known=frozenset("u")),
        replace(renderer, kinds={"a:b": "an act"}),
    ]
    assert len({each.made_by for each in (renderer, *others)}) == 5
