"""The page, badge and data that answer whether people were paid say what the record says, and nothing more."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ledger.compute.engine import Engine
from ledger.core.errors import InputError
from ledger.flows.paying.audit import audit
from ledger.flows.paying.instruct import Wish, draft, instruct
from ledger.flows.paying.plan import PlanWish
from ledger.flows.paying.settle import by_hand
from ledger.flows.session import Session
from ledger.site.build import build_site
from tests.nodes import at, signature
from tests.paying.world import TOKEN, close_epoch, owed_node, prove_wallet, signed_plan, user_of
from tests.servers.evm import node
from tests.site.test_api import route_of, validator


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The site of a node with a signed plan, and the same later: one line settled, an epoch more, claims by a tree."""
    top = tmp_path_factory.mktemp("paid")
    root = owed_node(top / "node")
    with at(root, "2026-01-13T00:00:00Z", "ann") as session:
        lines = {line.user_id: line.reference for line in signed_plan(session).plan.lines}
        build(session, top / "signed")
        for name, state, note in (("alice", "settled", "=seen <b>"), ("bob", "failed", "account closed")):
            evidence, mine = {"kind": "hand", "note": note}, lines[user_of(session, name)]
            by_hand(session, "default", None, state=state, references=[mine], evidence=evidence)
        prove_wallet(session, "alice", "ann")
    close_epoch(root, 2, pool=3_000)
    with at(root, "2026-01-31T00:00:00Z", "ann") as session:
        signed_plan(session, PlanWish("merkle_oz", TOKEN, "0.5", "agreed", decimals=6))
        build(session, top / "later")
    return top / "signed", top / "later"


def build(session: Session, out: Path) -> None:
    with Engine(session.node.root) as engine:
        build_site(session.node, engine, out, verification=None, commit=None)


def facts(site: Path) -> dict[str, object]:
    found = json.loads((site / ".well-known" / "contribution-ledger.json").read_text())
    return dict(found["scopes"][0])


def page_of(site: Path, place: str) -> str:
    return (site / place / "index.html").read_text()


def person(site: Path, name: str) -> str:
    listed = json.loads((site / "api/v1/ledger/contributors/index.json").read_text())["contributors"]
    return str(next(one["user_id"] for one in listed if one["name"] == name))


def test_a_signed_plan_is_allocated_and_nowhere_is_anybody_called_paid(sites: tuple[Path, Path]) -> None:
    found = facts(sites[0])
    assert found["credits"]["paid"] == "0"  # type: ignore[index]
    assert found["people"] == {"owed": 3, "paid": 0}
    assert page_of(sites[0], "paid/default/1").count("<td>allocated</td>") == 3
    assert page_of(sites[0], "epochs/default/1").count(">allocated</a>") == 3
    for path in sites[0].rglob("*.html"):
        assert "paid on" not in path.read_text(), path


def test_every_page_calls_the_figures_of_the_book_by_the_same_words(sites: tuple[Path, Path]) -> None:
    def seen(place: str) -> str:
        return " ".join(re.sub(r"<[^>]+>", " ", page_of(sites[1], place)).split())

    book = facts(sites[1])["credits"]
    assert isinstance(book, dict)
    given, planned, paid, due = (f"{int(book[name]):,}" for name in ("earned", "allocated", "paid", "outstanding"))
    assert f"Credits allocated {given} Paid {paid} Outstanding {due}" in seen(".")
    assert f"{given} credits allocated: {paid} paid to 1 person, {planned} in a plan that is signed, {due}" in seen(
        "paid"
    )
    assert "Person Allocated In a plan Paid Outstanding" in seen("paid")
    mine = re.search(
        r"([\d,]+) credits allocated: ([\d,]+) paid, ([\d,]+) in a plan that is signed, ([\d,]+) outstanding",
        seen(f"contributors/{person(sites[1], 'bob')}"),
    )
    assert mine is not None
    earned, *parts = (int(text.replace(",", "")) for text in mine.groups())
    assert earned == sum(parts) > 0


def test_a_row_of_the_book_adds_up_for_who_reads_it_also_after_a_gift(sites: tuple[Path, Path], tmp_path: Path) -> None:
    assert "Moved" not in page_of(sites[0], "paid"), "nobody moved anything"
    root = owed_node(tmp_path / "node")
    with at(root, "2026-01-13T00:00:00Z", "ann") as session:
        prove_wallet(session, "alice", "eve")
        wish = Wish(user_of(session, "alice"), "gift", 100, user_of(session, "bob"))
        instruct(session, "default", wish, signature=signature(draft(session, "default", wish).signed_text, "eve"))
        signed_plan(session)
        build(session, tmp_path / "site")
    page = page_of(tmp_path / "site", "paid")
    rows = re.findall(r"<tr[^>]*><td>.*?</td>((?:<td class=\"num\">[-0-9,]+</td>){5})</tr>", page)
    figures = [[int(one.replace(",", "")) for one in re.findall(r">([-0-9,]+)<", row)] for row in rows]
    assert sorted(row[1] for row in figures) == [-100, 0, 100]
    for earned, moved, allocated, paid, outstanding in figures:
        assert earned + moved == allocated + paid + outstanding


def test_a_settled_line_is_paid_on_its_day_and_says_how_it_was_seen_wherever_its_person_is(
    sites: tuple[Path, Path],
) -> None:
    found, plan = facts(sites[1]), page_of(sites[1], "paid/default/1")
    assert found["people"] == {"owed": 3, "paid": 1}
    assert (found["median_days"], found["last_paid_at"]) == (0, "2026-01-13T00:00:00.000Z")
    assert plan.count("paid on") == 1
    assert "by hand: =seen &lt;b&gt;" in plan
    assert (plan.count("<td>allocated</td>"), plan.count("<td>failed</td>")) == (1, 1)
    assert page_of(sites[1], "epochs/default/1").count(">paid on 2026-01-13</a>") == 1
    mine = {name: page_of(sites[1], f"contributors/{person(sites[1], name)}") for name in ("alice", "bob", "carol")}
    assert [name for name, page in mine.items() if "paid on 2026-01-13" in page] == ["alice"]
    assert "payment failed, due again" in mine["bob"]
    assert '<br><span class="quiet">paid on 2026-01-13</span>' in mine["alice"]  # beside the epoch's credits
    assert "% of credits paid" in (sites[1] / "api/v1/ledger/badges/default.svg").read_text()


def test_what_is_due_says_for_how_long_and_why_it_was_left_out(sites: tuple[Path, Path]) -> None:
    top, bob = page_of(sites[1], "paid"), page_of(sites[1], f"contributors/{person(sites[1], 'bob')}")
    assert "What is due, and for how long" in top
    assert "Account book of " in top
    assert top.count('<td class="num">18</td>') == 1  # from the 12th to the 31st
    assert "due since" in bob
    assert "(18 days by the last entry of the record)" in bob
    assert page_of(sites[1], "epochs/default/1").count(">no proved wallet or account to pay to<") == 1
    assert page_of(sites[1], "paid/default/2").count("no proved wallet or account to pay to") == 1


def test_a_person_takes_his_own_files_and_his_proof_to_claim_with(sites: tuple[Path, Path]) -> None:
    alice = person(sites[1], "alice")
    mine, api = page_of(sites[1], f"contributors/{alice}"), sites[1] / "api/v1/ledger"
    for form in ("csv", "json", "beancount", "hledger"):
        name = f"accounts/{alice}/default-2026.{form}"
        assert f"api/v1/ledger/{name}" in mine
        assert (api / name).stat().st_size > 100
    year = json.loads((api / f"accounts/{alice}/default-2026.json").read_text())
    assert [item["what"] for item in year["items"]][:2] == ["statement", "allocated"]
    assert sum(int(item["credits"]) for item in year["items"]) == int(year["closing_credits"]) == 0
    place = f"distributions/default/0002/claims/{alice}.json"
    assert f"api/v1/ledger/{place}" in mine
    assert place in page_of(sites[1], "paid/default/2")
    script = """
const { StandardMerkleTree } = require('@openzeppelin/merkle-tree');
const [claim, dump] = process.argv.slice(1).map((path) => JSON.parse(require('fs').readFileSync(path, 'utf8')));
const tree = StandardMerkleTree.load(dump);
console.log(StandardMerkleTree.verify(claim.root, claim.leaf_encoding, claim.value, claim.proof),
  tree.root === claim.root);"""
    told = node(script, str(api / place), str(api / "distributions/default/0002/merkle-tree.json"))
    assert told.split() == ["true", "true"]


def test_files_of_money_are_as_the_api_describes_them(sites: tuple[Path, Path]) -> None:
    api = sites[1] / "api/v1/ledger"
    document = json.loads((api / "openapi.json").read_bytes())
    found = [path for top in ("accounts", "book", "distributions") for path in sorted((api / top).rglob("*.*"))]
    assert len(found) == 3 * 4 + 1 + 2 * 3 + 3
    for path in found:
        (route,) = route_of(document, path.relative_to(api).as_posix())
        if path.suffix == ".json":
            ((_, content),) = document["paths"][route]["get"]["responses"]["200"]["content"].items()
            validator(document, content["schema"]).validate(json.loads(path.read_bytes()))


def test_the_files_behind_the_figures_are_published_as_they_are(sites: tuple[Path, Path]) -> None:
    place = found_files(sites[1])
    for name in ("plan.json", "signatures.jsonl", "settlements.jsonl"):
        path = sites[1].parent / "node/data/distributions/default/0001" / name
        assert (sites[1] / "api/v1/ledger" / place[name]).read_bytes() == path.read_bytes()


@contextmanager
def served(site: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_a_stranger_audits_a_site_without_a_clone(sites: tuple[Path, Path], tmp_path: Path) -> None:
    with served(sites[1]) as url:
        found = audit(url)
        assert found.findings == []
        assert found.figures["default"]["earned"] == "13000"
        assert any("2 final statements" in words for words in found.checked)
    bent = Path(shutil.copytree(sites[1], tmp_path / "bent"))
    for path, old, new, rule in (
        (".well-known/contribution-ledger.json", '"paid":"', '"paid":"1', "BALANCE_CONSERVED"),
        ("api/v1/ledger/distributions/default/0001/settlements.jsonl", '"seq":1', '"seq":2', "SETTLEMENT_APPEND_ONLY"),
        ("api/v1/ledger/epochs/default/1/signatures.jsonl", '"signature":"0x', '"signature":"0xa', ""),
    ):
        text = (bent / path).read_text()
        (bent / path).write_text(text.replace(old, new, 1))
        with served(bent) as url:
            try:
                findings = audit(url).findings
            except InputError:
                findings = []
                assert not rule.startswith("BALANCE")
            else:
                assert findings
        (bent / path).write_text(text)
    with served(tmp_path) as url, pytest.raises(InputError, match="no ledger"):
        audit(url)


def found_files(site: Path) -> dict[str, str]:
    return dict(facts(site)["distributions"][-1]["files"])  # type: ignore[index]
