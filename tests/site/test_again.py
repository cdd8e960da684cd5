"""A build that takes over what an earlier one kept gives the bytes of one from nothing, whatever happened since."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ledger
from ledger.core.canonical import decode, encode, sha256_hex
from ledger.flows.amend import begin
from ledger.flows.collect import collect
from ledger.flows.decide import curate
from ledger.flows.identity import bind
from ledger.flows.ingest import Ingest
from ledger.flows.review import review
from ledger.flows.session import locked
from ledger.flows.sign import finalize
from ledger.site import build
from ledger.site.again import frozen, tool_hash
from ledger.site.build import build_site
from ledger.site.kept import FOLDER, FORMAT, HEAD, Earlier, Keeping, kept_as
from ledger.site.keptfiles import KeptFiles
from ledger.site.keptpages import KeptPage, body_of
from ledger.site.links import Repository
from ledger.site.render import Renderer
from ledger.site.templates import templates_folder
from tests.nodes import GOLDEN, at, digest, golden_copy, make_node, sign_as

ONE, TWO = "1" * 40, "2" * 40
NODE = "44444444-4444-4444-8444-444444444444"
NOW = "2026-02-01"


def built(root: Path, out: Path, commit: str, reuse: Path | None) -> tuple[dict[str, str], list[str]]:
    """The built files by their hashes, and what was said of the earlier site."""
    said: list[str] = []
    with at(root, NOW) as session:
        build_site(session.node, session.engine, out, verification=None, commit=commit, tell=said.append, reuse=reuse)
    return digest(out), [text for text in said if str(reuse) in text]


def published(files: dict[str, str]) -> dict[str, str]:
    return {path: found for path, found in files.items() if not path.startswith(FOLDER)}


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of the golden node that kept what the next build may take over."""
    root = golden_copy(tmp_path_factory.mktemp("earlier") / "node")
    site = root.parent / "site"
    _, said = built(root, site, ONE, root.parent / "none")
    assert said == [
        f"{root.parent / 'none'} is no site that was built with `--reuse`, which keeps what the next build "
        "takes over: everything is made anew"
    ]
    return site


def swap(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))


def nothing(_root: Path) -> None:
    """Only the commit is another one."""


def one_more_week(root: Path) -> None:
    before = digest(root / "data/epochs")
    with at(root, NOW) as session:
        collect(session)  # opens what is due
    assert digest(root / "data/epochs").keys() > before.keys()


def an_amended_epoch(root: Path) -> None:
    with at(root, NOW, "alice") as session:
        session.actor = session.node.scope("default").approvers[0].id
        begin(session, session.node.epoch("default", 1), "error", "counted wrong", "https://example.org/1")


def a_renamed_user(root: Path) -> None:
    path = root / "data/identities.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    again = {**decode(lines[0].strip(), 10_000), "login": "renamed", "seq": len(lines) + 1}
    path.write_bytes(b"".join(lines) + encode(again) + b"\n")


def another_weight(root: Path) -> None:
    path = root / "weights/default.yaml"
    swap(path, b"design: 4000", b"design: 6000")


def another_name_of_the_scope(root: Path) -> None:
    path = root / "scopes/default.yaml"
    swap(path, b"The cooperative", b"Another name")


@pytest.mark.parametrize(
    ("happened", "epochs"),
    [
        (nothing, 3),  # of the last final one of each scope the figures are always computed
        (one_more_week, 3),
        (an_amended_epoch, 1),
        (a_renamed_user, 0),
        (another_weight, 3),
        (another_name_of_the_scope, 1),
    ],
)
def test_a_build_with_an_earlier_one_is_a_build_from_nothing(
    tmp_path: Path, earlier: Path, happened: Callable[[Path], None], epochs: int
) -> None:
    root = golden_copy(tmp_path / "node")
    happened(root)
    whole, _ = built(root, tmp_path / "whole", TWO, tmp_path / "none")
    again, said = built(root, tmp_path / "again", TWO, earlier)
    assert again == whole  # what is kept for the next build, too
    assert said[0].startswith(f"{epochs} of ")
    if happened is nothing:
        pages = len(json.loads((earlier / FOLDER / "pages.json").read_bytes()))
        assert said == [f"{epochs} of 6 epochs and {pages} of {pages} pages are those of {earlier}"]
        assert published(again) == built(root, tmp_path / "plain", TWO, None)[0]


def test_another_name_of_somebody_in_no_sum_of_an_epoch_is_another_page_of_it(tmp_path: Path) -> None:
    root, site = make_node(tmp_path / "node"), tmp_path / "site"
    for number, day in enumerate(("2026-01-13", "2026-01-20"), start=1):
        with at(root, day, "ann") as session:
            for name in ("carol", "alice", "bob") if number == 1 else ():
                bind(session, "file", name, login=name, actor="ann")
            collect(session)
            folder = session.node.epoch("default", number)
            if number == 1:
                curate(session, folder, "exclude", "file:work:c1", note="all that carol did")
            with locked(session):
                review(session, folder, Ingest(session))
            sign_as(session, folder, "ann", "ben")
            finalize(session, folder)
    built(root, site, ONE, tmp_path / "none")
    a_renamed_user(root)
    whole, _ = built(root, tmp_path / "whole", TWO, tmp_path / "none")
    again, _ = built(root, tmp_path / "again", TWO, site)
    assert "carol, now renamed" in (tmp_path / "whole/epochs/default/1/index.html").read_text("utf-8")
    assert again == whole


def test_an_earlier_site_stands_until_the_new_one_takes_its_place(
    tmp_path: Path, earlier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, site = golden_copy(tmp_path / "node"), tmp_path / "site"
    shutil.copytree(earlier, site)
    (site / "only-here.txt").write_text("of the earlier one", "utf-8")
    remove: Callable[..., None] = shutil.rmtree
    seen: list[bool] = []

    def removing(path: Path, **how: Any) -> None:
        remove(path, **how)
        seen.append((site / "index.html").is_file())

    monkeypatch.setattr(build.shutil, "rmtree", removing)
    built(root, site, TWO, site)
    assert seen
    assert all(seen)
    assert not (site / "only-here.txt").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["node", "site"]


def test_an_epoch_is_kept_on_by_whoever_ends_what_another_process_began(tmp_path: Path) -> None:
    (tmp_path / f"earlier/{FOLDER}/epochs").mkdir(parents=True)
    (tmp_path / f"earlier/{FOLDER}/epochs/default-1").write_bytes(b"figures")
    keeping = Keeping(tmp_path / "kept", Earlier(tmp_path / "earlier", None))
    keeping.folder.mkdir()
    keeping.keep_on("epochs/default-1")
    keeping.keep_on("epochs/default-1")
    assert keeping.folder.joinpath("epochs/default-1").read_bytes() == b"figures"


def test_nothing_kept_that_somebody_altered_is_believed(tmp_path: Path, earlier: Path) -> None:
    root, site = golden_copy(tmp_path / "node"), tmp_path / "site"
    whole, _ = built(root, tmp_path / "whole", ONE, tmp_path / "none")
    shutil.copytree(earlier, site)
    api = site / "api/v1/ledger"
    figures = site / FOLDER / "epochs/default-1"
    swap(figures, found := re.findall(rb'"allocated":\d', figures.read_bytes())[0], found[:-1] + b"7")
    swap(api / "epochs/default/2/allocations.jsonl", b'"activity_count":1', b'"activity_count":2')  # one of its files
    (api / "epochs/guild/1/outcomes.json").unlink()
    person = next((api / "contributors").glob("*-*.json"))
    swap(person, b'"final_credits":"', b'"final_credits":"9')
    swap(site / "contributors" / person.stem / "index.html", b"<h1", b"<h2")
    (site / "epochs/design/1/index.html").write_bytes(b"")
    swap(site / "embed/default/2/index.html", b"credit", b"tiderc")
    swap(site / "data/payouts.csv", b"default", b"tluafed")
    swap(site / "search/found/0.json", b"person", b"nosrep")
    swap(site / FOLDER / "search/default-1", b'"event"', b'"tneve"')
    swap(site / FOLDER / "files.json", b'"data/events"', b'"data/stneve"')
    again, _ = built(root, tmp_path / "again", ONE, site)
    assert again == whole


@pytest.mark.parametrize("leads", ["up", "absolute", "link", "nul"])
def test_a_kept_path_that_leads_out_of_the_site_is_not_followed(tmp_path: Path, leads: str) -> None:
    """Whoever altered the list has its hash right, and that of the file to which it leads."""
    site, secret = tmp_path / "site", tmp_path / "secret.txt"
    (site / FOLDER).mkdir(parents=True)
    (site / "data").symlink_to(tmp_path)
    secret.write_bytes(b"not of the site")
    path = {"up": "../secret.txt", "absolute": str(secret), "link": "data/secret.txt", "nul": "a\0b"}[leads]
    note = json.dumps({"data/payouts": {"made_from": "x", "files": {path: kept_as(secret.read_bytes())}}}).encode()
    (site / FOLDER / "files.json").write_bytes(note)
    earlier = Earlier(site, None, {"files.json": sha256_hex(note)})
    (tmp_path / "new/out").mkdir(parents=True)
    files = KeptFiles(tmp_path / "new/out", Keeping(tmp_path / "new/kept", earlier))
    assert files.take("data/payouts", "x") is None
    assert [path for path in (tmp_path / "new").rglob("*") if path.is_file()] == []
    assert earlier.file(path, kept_as(secret.read_bytes())) is None


def test_what_another_version_of_the_tool_kept_is_passed_over_with_a_word(
    tmp_path: Path, earlier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "__version__", "9.9.9")
    _, said = built(golden_copy(tmp_path / "node"), tmp_path / "again", ONE, earlier)
    assert said == [
        f"{earlier} was built by another version of this program or of its templates: everything is made anew"
    ]


@pytest.mark.parametrize(
    ("head", "why"),
    [
        (None, "is no site that was built with `--reuse`"),
        ("{}", "keeps nothing that can be read"),
        ("[" * 100_000, "keeps nothing that can be read"),
        (json.dumps({"format": "ledger-kept/0"}), "keeps nothing that this version understands"),
        (json.dumps({"commit": None, "format": FORMAT, "node_id": "x", "tool": "t"}), "is the site of another node"),
        (json.dumps({"commit": None, "format": FORMAT, "node_id": NODE, "tool": "u"}), "was built by another version"),
    ],
)
def test_a_folder_of_which_nothing_can_be_taken_over_is_told(tmp_path: Path, head: str | None, why: str) -> None:
    (tmp_path / FOLDER).mkdir()
    if head is not None:
        (tmp_path / FOLDER / HEAD).write_text(head, "utf-8")
    assert str(Earlier.read(tmp_path, NODE, "t")).startswith(why)


def kept_page(folder: Path, body: str, made_from: str, commit: str | None) -> tuple[Earlier, KeptPage]:
    """A site of one page that was made with `made_from`, and what it keeps of it."""
    place = made_from[:40]
    (folder / "a/b").mkdir(parents=True)
    text = body.replace(place, commit) if commit else body
    (folder / "a/b/index.html").write_text(f"<html>{text}</html>", "utf-8")
    return Earlier(folder, commit), KeptPage(made_from, sha256_hex(body.encode()), 6, len(text.encode()), "", (), {})


def test_a_page_is_taken_over_only_with_the_bytes_that_were_made(tmp_path: Path) -> None:
    key = "ab" * 32
    earlier, kept = kept_page(tmp_path / "site", f"<p>At {key[:40]}, é</p>", key, ONE)
    assert body_of(earlier, "a/b", kept, TWO) == f"<p>At {TWO}, é</p>".encode()
    assert body_of(earlier, "a/b", kept, None) is None
    assert body_of(earlier, "a/c", kept, TWO) is None
    page = tmp_path / "site/a/b/index.html"
    page.write_text(page.read_text("utf-8").replace("é", "e"), "utf-8")
    assert body_of(earlier, "a/b", kept, TWO) is None


def test_a_page_that_tells_of_the_very_commit_that_the_site_was_built_from_is_made_anew(tmp_path: Path) -> None:
    key = "ab" * 32
    earlier, kept = kept_page(tmp_path / "site", f"<p>Event git:commit:{ONE}, at {key[:40]}</p>", key, ONE)
    assert body_of(earlier, "a/b", kept, TWO) is None


def test_what_a_page_is_made_from_follows_from_values_alone(tmp_path: Path) -> None:
    one, other = "ab" * 30, "".join(["ab"] * 30)
    assert frozen([one, one]) == frozen([one, other])
    with at(GOLDEN, "2026-02-01") as session:
        statement = session.node.epoch("default", 1).statement()
        assert statement is not None
        assert frozen(statement) == frozen(statement.model_copy())
    copy, altered = (shutil.copytree(templates_folder(), tmp_path / name) for name in ("templates", "others"))
    (altered / "pages/epoch.html").write_text("another page", "utf-8")
    assert tool_hash(copy) == tool_hash(templates_folder()) != tool_hash(altered)


def test_another_repository_or_another_word_for_a_kind_is_another_page() -> None:
    renderer = Renderer(templates_folder() / "pages", Repository(), {}, {"u": "ada"}, {}, "", "", {})
    others = [
        replace(renderer, repository=Repository("acme/ledger")),
        replace(renderer, scope_names={"a": "b"}),
        replace(renderer, kinds={"a:b": "an act"}),
    ]
    assert len({each.made_by for each in (renderer, *others)}) == 4


def test_another_name_another_page_or_another_mark_of_a_person_is_another_word_of_them() -> None:
    renderer = Renderer(templates_folder() / "pages", Repository(), {}, {"u": "ada"}, {}, "", "", {})
    others = [
        replace(renderer, names={"u": "Ada"}),
        replace(renderer, known=frozenset("u")),
        replace(renderer, odd_names={"u": ("alike", "looks like another one")}),
    ]
    assert len({each.told.of(["u"]) for each in (renderer, *others)}) == 4
    assert len({each.told.of(["v"]) for each in (renderer, *others)}) == 1
