"""Links that were looked at before are looked at again exactly where something is gone that they may lead to."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.core.canonical import sha256_hex
from ledger.site import linksagain
from ledger.site.check import Page, Reader
from ledger.site.kept import FOLDER, HEAD, Earlier, Keeping
from ledger.site.linksagain import broken_again

ONE, TWO = "1" * 40, "2" * 40
PAGES = {
    "index.html": '<h1 id="top">Home</h1>',
    "a/index.html": f'<a href="../b/#x">{ONE}</a><a href="../#top"></a><a href="../b/#why-{"1" * 8}"></a>',
    "b/index.html": '<p id="x"></p><p id="y"></p><div data-loads="why-" data-rows="../people.json"></div>',
    "people.json": "{}",
}
"""`b` has anchors that its script makes of the people in a file."""
USER = "11111111-1111-4111-8111-111111111111"
LISTED = f'[{{"user_id":"{USER}"}}]'


def site_of(folder: Path, **changed: str | None) -> Path:
    pages = {**PAGES, "people.json": LISTED, "a/index.html": PAGES["a/index.html"].replace("1" * 8 + '"', USER + '"')}
    for path, text in (
        pages | {name.replace("__", "/").replace("_", "."): text for name, text in changed.items()}
    ).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        if text is not None:
            (folder / path).write_text(text, "utf-8")
    return folder


def looked(site: Path, earlier: Earlier | None, commit: str) -> list[str]:
    reader = Reader(site)
    files = {name: (0, sha256_hex((site / name).read_bytes())) for name in reader.files}
    keeping = Keeping(site.with_name(f"{site.name}-kept"), earlier)
    keeping.folder.mkdir()
    found = broken_again(reader, keeping, files, commit)
    if not found:
        keeping.finish("node", "tool", commit)
        keeping.folder.rename(site / FOLDER)
    return found


@pytest.fixture
def earlier(tmp_path: Path) -> Earlier:
    site = site_of(tmp_path / "earlier")
    assert looked(site, None, ONE) == []
    assert (site / FOLDER / HEAD).is_file()
    found = Earlier.read(site, "node", "tool")
    assert isinstance(found, Earlier)
    return found


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The pages that were read, in the end."""
    names: set[str] = set()

    def noted(reader: Reader, asked: list[str]) -> dict[str, Page]:
        names.update(asked)
        return {name: reader.page(name) for name in asked}

    monkeypatch.setattr(linksagain, "read_all", noted)
    return names


def test_pages_that_are_the_same_but_for_the_commit_are_not_read_again(
    tmp_path: Path, earlier: Earlier, read: set[str]
) -> None:
    a = (earlier.folder / "a/index.html").read_text("utf-8").replace(ONE, TWO)
    assert looked(site_of(tmp_path / "now", a__index_html=a), earlier, TWO) == []
    assert read == set()


def test_a_page_that_is_another_one_is_read_and_no_other(tmp_path: Path, earlier: Earlier, read: set[str]) -> None:
    b = PAGES["b/index.html"].replace('id="y"', 'id="z"')
    assert looked(site_of(tmp_path / "now", b__index_html=b), earlier, ONE) == []
    assert read == {"b/index.html"}


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"b__index_html": PAGES["b/index.html"].replace('id="x"', 'id="z"')}, ["a/index.html: ../b/#x"]),
        ({"index_html": "<h1>Home</h1>"}, ["a/index.html: ../#top"]),
        ({"people_json": "{}"}, [f"a/index.html: ../b/#why-{USER}"]),
        ({"index_html": '<h1 id="top"><a href="c/"></a></h1>'}, ["index.html: c/"]),
        ({"index_html": None}, ["a/index.html: ../#top"]),
    ],
)
def test_what_is_gone_is_told_of_pages_that_are_the_same(
    tmp_path: Path, earlier: Earlier, changed: dict[str, str | None], wrong: list[str]
) -> None:
    assert looked(site_of(tmp_path / "now", **changed), earlier, ONE) == wrong


def test_where_an_earlier_page_was_altered_everything_is_read(tmp_path: Path, earlier: Earlier, read: set[str]) -> None:
    (earlier.folder / "b/index.html").write_text("", "utf-8")
    b = PAGES["b/index.html"].replace('id="x"', 'id="z"')
    assert looked(site_of(tmp_path / "now", b__index_html=b), earlier, ONE) == ["a/index.html: ../b/#x"]
    assert read == {"index.html", "a/index.html", "b/index.html"}
