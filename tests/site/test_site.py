"""The built site: stored bytes as they are, hostile text inert in a real browser, links alive, the same twice."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import re
import shutil
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from ledger.cli import main
from ledger.core.canonical import sha256_hex
from ledger.core.errors import InputError
from ledger.credentials.did import did_document, document_url
from ledger.credentials.keys import new_key, public_key
from ledger.flows.collect import collect
from ledger.flows.decide import curate
from ledger.flows.identity import bind
from ledger.flows.receipts.export import publish_key
from ledger.site.build import build_site
from ledger.site.check import broken_links
from ledger.site.links import safe_link
from ledger.site.receipts import issuer_document
from ledger.store.node import load_node
from tests.browser.sites import page_kinds
from tests.browser.support import CHROMIUM, needs_browser
from tests.nodes import GOLDEN, at, digest, make_node, sign_as

HOSTILE = [
    "<script>window.hacked=1</script>",
    '"><img src=x onerror=window.hacked=1>',
    "[click](javascript:window.hacked=1)",
    "{{ 7*7 }}{% raw %}${alert(1)}",
    "`code` **bold** &lt;b&gt;",
    "\u202eesrever \u200b\u0430dmin",
    "W" * 10_000,
]
KEY = new_key()


def build(root: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["ledger", "site", "build", "--node", str(root), "--out", str(out)])
    assert main() == 0


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site whose every name, title, reason and login is an attack."""
    root = tmp_path_factory.mktemp("hostile") / "node"
    make_node(root)
    rows = [
        {
            "id": f"r{number}",
            "time": f"2026-01-0{5 + number % 5}T09:00:00Z",
            "event_type": "design",
            "account": f"acct{number}",
            "login": text,
            "evidence": f"https://example.org/{number}",
            "title": text,
        }
        for number, text in enumerate(HOSTILE)
    ]
    (root / "work.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    scope = root / "scopes/default.yaml"
    scope.write_text(scope.read_text("utf-8").replace("work.csv", "work.jsonl"), "utf-8")
    settings = root / "ledger.yaml"
    text = yaml.safe_load(settings.read_text("utf-8")) | {"site_url": "https://acme.example/ledger/"}
    settings.write_text(yaml.safe_dump(text), "utf-8")
    with at(root, "2026-01-13T12:00:00Z", "ann") as session:
        publish_key(session, public_key(KEY))
        for number, text in enumerate(HOSTILE[:-2]):
            bind(session, "file", f"acct{number}", login=text, evidence=text, actor="ann")
        collect(session)
        folder = session.node.epoch("default", 1)
        for number, text in enumerate(HOSTILE):
            curate(session, folder, "note", f"file:work:r{number}", note=text)
        out = root.parent / "site"
        build_site(session.node, session.engine, out, verification=None, commit=None)
    return out


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("golden") / "site"
    with pytest.MonkeyPatch.context() as patch:
        build(GOLDEN, out, patch)
    return out


@pytest.fixture
def served(request: pytest.FixtureRequest) -> Iterator[str]:
    """The site of the named fixture on loopback."""
    folder = request.getfixturevalue(request.param)
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def test_the_document_of_the_issuer_lies_where_its_identifier_says(hostile: Path) -> None:
    did = "did:web:acme.example:ledger"
    assert document_url(did) == "https://acme.example/ledger/did.json"
    assert json.loads((hostile / "did.json").read_text("utf-8")) == did_document(did, [public_key(KEY)])
    assert not (hostile / ".well-known/did.json").exists()
    listed = json.loads((hostile / "api/v1/ledger/index.json").read_text("utf-8"))["files"]
    assert "did.json" in [file["path"] for file in listed]

    root = hostile.parent / "node"
    for address, place in (("https://acme.example", ".well-known/did.json"), ("", None)):
        node = load_node(root)
        found = issuer_document(replace(node, settings=node.settings.model_copy(update={"site_url": address})))
        assert (found and found[0]) == place


def pages(folder: Path) -> list[str]:
    found = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.html"))]
    return [path for path in found if path != "404.html"]


@needs_browser
@pytest.mark.parametrize("served", ["golden", "hostile"], indirect=True)
def test_no_page_runs_foreign_code_or_asks_a_third_party(served: str, request: pytest.FixtureRequest) -> None:
    from playwright.sync_api import sync_playwright

    name = request.node.callspec.params["served"]
    problems: list[str] = []
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        page = browser.new_page(viewport={"width": 390, "height": 800})
        page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("dialog", lambda dialog: problems.append(dialog.message))
        page.on(
            "request", lambda asked: None if asked.url.startswith((served, "data:")) else problems.append(asked.url)
        )
        kinds = page_kinds(request.getfixturevalue(name)).values()
        for path in [path for path in kinds if path != "404.html"]:
            page.goto(served + path)
            assert page.evaluate("window.hacked") is None, path
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= 390, f"{path} is {wide} pixels wide on a phone"
        page.wait_for_load_state("networkidle")
        browser.close()
    assert problems == []


@needs_browser
@pytest.mark.parametrize("served", ["golden"], indirect=True)
def test_a_figure_leads_to_its_events_in_two_clicks(served: str) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto(served + "epochs/default/1/")
        page.locator("summary", has_text="alice: 4,444 credits").click()
        assert page.get_by_text("file:work:w1").first.is_visible()
        page.goto(served + "epochs/default/1/")
        page.locator("table.sortable").first.get_by_role("button", name="Units").click()
        units = page.locator("table.sortable").first.locator("tbody tr td:nth-child(3)").all_inner_texts()
        assert units == ["6.000", "4.000", "2.000", "1.500"]
        browser.close()


def test_hostile_text_is_on_the_pages_as_text_only(hostile: Path) -> None:
    page = (hostile / "epochs/default/1/index.html").read_text("utf-8")
    assert "<script>window.hacked" not in page
    assert "&lt;script&gt;window.hacked=1&lt;/script&gt;" in page
    assert "<img src=x" not in page
    assert "{{ 7*7 }}" in page
    assert "[click](javascript:window.hacked=1)" in page


def test_a_shared_link_tells_what_its_page_is_about(golden: Path, hostile: Path) -> None:
    page = (golden / "epochs/default/1/index.html").read_text("utf-8")
    about = "2026-01-05 to 2026-01-12: 5 events, 10,000 credits for 4 people; signed by 2 of 2 and final."
    for name in ('name="description"', 'property="og:description"'):
        assert f'<meta {name} content="{about}' in page
    assert '<meta property="og:title" content="The cooperative, epoch 1">' in page
    assert "og:url" not in page, "nobody knows the site's address"
    for file in golden.rglob("*.html"):
        text = file.read_text("utf-8")
        assert "ledger-shared" not in text, file
        assert 'name="description"' in text or file.name == "404.html" or "embed" in file.parts, file
    assert 'rel="icon" href="../../../assets/favicon.svg"' in page
    assert (golden / "assets/favicon.svg").read_text("utf-8").startswith("<svg ")

    page = (hostile / "epochs/default/1/index.html").read_text("utf-8")
    assert '<meta property="og:url" content="https://acme.example/ledger/epochs/default/1/">' in page
    assert '<link rel="canonical" href="https://acme.example/ledger/epochs/default/1/">' in page
    for file, card in (("epochs/default/1", "cards/default/1.png"), ("paid", "cards/home.png")):
        text = (hostile / file / "index.html").read_text("utf-8")
        assert f'<meta property="og:image" content="https://acme.example/ledger/{card}">' in text
        assert (hostile / card).read_bytes().startswith(b"\x89PNG")
    assert not (golden / "cards").exists()


def test_badges_say_what_the_record_says(golden: Path) -> None:
    api = golden / "api/v1/ledger"
    epochs = [one for one in json.loads((api / "epochs.json").read_bytes())["epochs"] if one["scope_id"] == "default"]
    for name, wanted in (("last-epoch", f"{epochs[-1]['epoch_id']}, "), ("allocated", " credits"), ("witnesses", "")):
        told = json.loads((api / f"badges/default/{name}.json").read_bytes())
        assert told["schemaVersion"] == 1
        assert wanted in told["message"]
        assert f"{told['label']}: {told['message']}" in (api / f"badges/default/{name}.svg").read_text("utf-8")
    final = [one for one in epochs if one["state"] == "finalized"]
    given = sum(
        int(row["amount_credits"])
        for one in final
        for row in json.loads((api / f"epochs/default/{one['epoch_id']}/allocations.json").read_bytes())["allocations"]
    )
    allocated = json.loads((api / "badges/default/allocated.json").read_bytes())["message"]
    assert allocated == f"{given:,} credits"


def test_the_root_of_the_approvers_is_printed_for_whoever_wants_to_keep_it(golden: Path) -> None:
    page = (golden / "policy/index.html").read_text("utf-8")
    for scope_id in ("default", "design", "guild"):
        first = (GOLDEN / f"data/approvers/{scope_id}.jsonl").read_bytes().split(b"\n")[0]
        assert f'Root of {scope_id}: <span class="id">{sha256_hex(first)}</span>' in page


def test_every_page_has_a_strict_policy(golden: Path) -> None:
    for path in pages(golden):
        html = (golden / path).read_text("utf-8")
        policy = html.partition('http-equiv="Content-Security-Policy" content="')[2].partition('"')[0]
        if path.startswith("embed/"):  # no script at all, and one style of which every letter is known
            assert re.fullmatch(
                r"default-src 'none'; style-src 'sha256-\S+'; img-src data:; base-uri 'none'; form-action 'none'",
                policy,
            )
            continue
        scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
        assert "unsafe" not in scripts
        assert "style-src 'self';" in policy, "no inline style either"
        assert "object-src 'none'" in policy


def test_the_raw_files_are_published_byte_for_byte(golden: Path) -> None:
    api = golden / "api/v1/ledger"
    for folder in sorted((GOLDEN / "data/epochs").glob("*/*")):
        for file in folder.iterdir():
            published = api / f"epochs/{folder.parent.name}/{int(folder.name)}/{file.name}"
            assert published.read_bytes() == file.read_bytes()
    assert (api / "identities.jsonl").read_bytes() == (GOLDEN / "data/identities.jsonl").read_bytes()
    index = json.loads((api / "index.json").read_bytes())
    for entry in index["files"]:
        data = (golden / entry["path"]).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (entry["size"], entry["sha256"])
    assert "recomputed without a difference" in (golden / "index.html").read_text("utf-8")
    report = json.loads((api / "epochs/default/1/verify.json").read_bytes())
    assert {check["verdict"] for check in report["checks"]} == {"pass"}


def test_two_builds_have_the_same_bytes(golden: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(GOLDEN, tmp_path / "again", monkeypatch)
    assert digest(tmp_path / "again") == digest(golden)


def test_people_of_the_pinned_set_are_counted_as_signed_whatever_the_scopes_file_says_since(tmp_path: Path) -> None:
    root = make_node(tmp_path / "node")
    with at(root, "2026-01-14T00:00:00Z", "ann") as session:
        collect(session)
        sign_as(session, session.node.epoch("default", 1), "ann", "ben")
    scope = root / "scopes/default.yaml"
    settings = yaml.safe_load(scope.read_text("utf-8"))
    for approvers, counted in ((settings["approvers"], "2 of 2"), (settings["approvers"][:1], "2 of 2")):
        scope.write_text(yaml.safe_dump(settings | {"approvers": approvers, "threshold": len(approvers)}), "utf-8")
        with at(root, "2026-01-14T01:00:00Z") as session:
            build_site(session.node, session.engine, tmp_path / "site", verification=None, commit=None)
        page = (tmp_path / "site/epochs/default/1/index.html").read_text("utf-8")
        assert f"<dt>Signed by</dt><dd>{counted}</dd>" in re.sub("</?span[^>]*>", "", page)
        assert "<strong>not checked</strong>" in (tmp_path / "site/epochs/index.html").read_text("utf-8")


def test_dead_links_and_foreign_requests_are_found(golden: Path, tmp_path: Path) -> None:
    assert broken_links(golden) == []
    site = shutil.copytree(golden, tmp_path / "site")
    page = site / "check/index.html"
    bad = (
        '<a href="../nowhere/">x</a><a href="#no-such-place">y</a><script src="https://cdn.example.org/x.js"></script>'
    )
    page.write_text(page.read_text("utf-8").replace("</body>", bad + "</body>"), "utf-8")
    assert len(broken_links(site)) == 3


def test_a_folder_that_holds_something_else_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", "utf-8")
    with at(GOLDEN, "2026-02-01") as session, pytest.raises(InputError, match="no earlier build"):
        build_site(session.node, session.engine, tmp_path, verification=None, commit=None)
    assert (tmp_path / "notes.txt").read_text("utf-8") == "mine"


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "java\nscript:alert(1)",
        " https://example.org",
        "data:text/html,x",
        "https://example.org@evil.example",
        "https://\u0435xample.org/",
        "https://example.org/\u202e",
        'https://example.org/"onclick=',
        "//example.org",
        "git:abc",
    ],
)
def test_an_address_that_is_no_plain_link_is_shown_as_text(address: str) -> None:
    assert safe_link(address) is None
    assert safe_link("https://example.org:8080/a/b?c=d#e") is not None
