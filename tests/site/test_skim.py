"""What is found of a page while it is written is what reading its file tag by tag finds, and what is dead is told."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from ledger.core.errors import DifferenceError
from ledger.site import build, pages, render, skim
from ledger.site.build import build_site
from ledger.site.check import Page, Reader, links_of
from ledger.site.skim import Looked, Skimmer, broken_of
from ledger.site.templates import templates_folder
from tests.nodes import GOLDEN, at

MATTER = re.compile(r"(.?)\b(?<!-)(?:href|src|id|data-loads)=(.?)")


def built(out: Path) -> Path:
    with at(GOLDEN, "2026-02-01") as session:
        build_site(session.node, session.engine, out, verification=None, commit=None)
    return out


def test_no_page_is_read_again_when_it_was_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    known = Reader.page

    def noted(reader: Reader, name: str) -> Page:
        read.append(name)
        return known(reader, name)

    monkeypatch.setattr(Reader, "page", noted)
    built(tmp_path / "site")
    assert read == ["404.html"]


def test_a_plain_search_finds_in_every_body_what_reading_every_tag_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies: list[str] = []

    def seen(body: str) -> Page:
        bodies.append(body)
        return links_of(body)

    monkeypatch.setattr(skim, "skim", seen)
    built(tmp_path / "site")
    monkeypatch.undo()
    assert len(bodies) > 10
    for body in bodies:
        found, wanted = skim.skim(body), links_of(body)
        assert {link[1:] for link in found.links} == {link[1:] for link in wanted.links}
        assert (found.ids, found.loads) == (wanted.ids, wanted.loads)


@pytest.mark.parametrize("template", sorted((templates_folder() / "pages").glob("*.html")), ids=lambda path: path.stem)
def test_every_attribute_that_matters_is_written_as_it_is_searched_for(template: Path) -> None:
    text = template.read_text("utf-8")
    assert {found.group(1, 2) for found in MATTER.finditer(text)} <= {(" ", '"')}
    if template.stem not in ("embed", "lost"):
        assert "<link" not in text
        assert "<!--" not in text


def test_what_only_looks_like_an_attribute_is_none() -> None:
    body = '<p id="x">&lt;img src="https://else.example/"&gt;</p><img alt="" src="a.svg">'
    assert skim.skim(body) == Page({("img", "src", "a.svg"): None}, {"x"})


@pytest.mark.parametrize("alt", ["a > b", "a < b", "<i>", ">"])
def test_a_sign_of_markup_in_another_attribute_hides_nothing(alt: str) -> None:
    body = f'<a href="../">x</a><img alt="{alt}" src="https://else.example/x.png"><p>x src="y'
    assert skim.skim(body) == links_of(body)
    assert ("img", "src", "https://else.example/x.png") in skim.skim(body).links


def test_only_what_cannot_be_told_yet_is_left_of_a_page() -> None:
    skimmer = Skimmer()
    body = (
        '<p id="here"></p><a href="#here"></a><a href="#there"></a><a href="../../epochs/"></a>'
        '<a href="../../epochs/#x"></a><a href="https://else.example/"></a><a href="../beside/"></a>'
        '<a href="javascript:x"></a><img src="https://else.example/">'
    )
    looked = skimmer.body("a/b/index.html", body, Page(ids={"around"}))
    page = looked.pages["a/b/index.html"]
    assert [address for _, _, address in page.links] == [
        "#there", "../../epochs/#x", "../beside/", "javascript:x", "https://else.example/",
    ]  # fmt: skip
    assert page.ids == {"here", "around"}
    assert looked.places == {"epochs/"}
    assert skimmer.body("a/c/index.html", body, Page()).places == set()


@pytest.mark.parametrize(
    ("links", "places", "dead"),
    [
        ("../b/", {"b/"}, []),
        ("../b/ ../c/", {"b/", "c/"}, ["a/index.html: ../c/"]),
        ("../b/#y", set(), ["a/index.html: ../b/#y"]),
        ("../b/#x", set(), []),
    ],
)
def test_a_site_whose_pages_were_looked_at_is_told_like_one_that_is_read(
    tmp_path: Path, links: str, places: set[str], dead: list[str]
) -> None:
    for name, text in (
        ("a", "".join(f'<a href="{link}"></a>' for link in links.split())),
        ("b", '<p id="x"></p>'),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").write_text(text, "utf-8")
    left = Page({("a", "href", link): None for link in links.split() if "#" in link})
    looked = Looked({"a/index.html": left, "b/index.html": Page(ids={"x"})}, places)
    assert broken_of(Reader(tmp_path), looked) == dead


@pytest.mark.parametrize("few", [1, render.FEW], ids=["in helping processes", "here"])
def test_a_dead_link_stops_the_build_and_every_page_that_has_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    templates = shutil.copytree(templates_folder(), tmp_path / "templates")
    page = templates / "pages/contributor.html"
    page.write_text(page.read_text("utf-8") + '<a href="{{ up }}nowhere/">x</a><a href="#not-here">y</a>', "utf-8")
    for module in (build, pages):
        monkeypatch.setattr(module, "templates_folder", lambda: templates)
    monkeypatch.setattr(render, "FEW", few)
    with pytest.raises(DifferenceError) as error:
        built(tmp_path / "site")
    people = len(re.findall(r"contributors/[0-9a-f-]{36}/index.html: \.\./\.\./nowhere/", str(error.value)))
    assert people == 3, error.value
    assert "#not-here" in str(error.value)
    assert not (tmp_path / "site").exists()
