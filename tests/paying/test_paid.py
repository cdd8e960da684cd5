"""The page, badge and data that answer whether people were paid say what the record says, and nothing more."""

from __future__ import annotations

import json
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
from ledger.flows.paying.settle import by_hand
from ledger.site.build import build_site
from tests.nodes import at
from tests.paying.world import owed_node, signed_plan


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The site of a node with a signed plan, and the same once one line was settled."""
    top = tmp_path_factory.mktemp("paid")
    root = owed_node(top / "node")
    built = []
    with at(root, "2026-01-13T00:00:00Z", "ann") as session:
        first = signed_plan(session).plan.lines[0].reference
        for name in ("signed", "settled"):
            with Engine(root) as engine:
                build_site(session.node, engine, top / name, verification=None, commit=None)
            built.append(top / name)
            if name == "signed":
                evidence = {"kind": "hand", "note": "seen"}
                by_hand(session, "default", None, state="settled", references=[first], evidence=evidence)
    return built[0], built[1]


def facts(site: Path) -> dict[str, object]:
    found = json.loads((site / ".well-known" / "contribution-ledger.json").read_text())
    return dict(found["scopes"][0])


def test_a_signed_plan_is_allocated_and_nobody_is_called_paid(sites: tuple[Path, Path]) -> None:
    found, page = facts(sites[0]), (sites[0] / "paid" / "index.html").read_text()
    assert found["credits"]["paid"] == "0"  # type: ignore[index]
    assert found["people"] == {"owed": 3, "paid": 0}
    assert "paid on" not in page
    assert page.count("<td>allocated</td>") == 3


def test_a_settled_line_is_paid_with_its_day_and_how_it_was_seen(sites: tuple[Path, Path]) -> None:
    found, page = facts(sites[1]), (sites[1] / "paid" / "index.html").read_text()
    assert found["people"] == {"owed": 2, "paid": 1}
    assert (found["median_days"], found["last_paid_at"]) == (0, "2026-01-13T00:00:00.000Z")
    assert page.count("paid on") == 1
    assert page.count("<td>hand</td>") == 1
    assert "% of credits paid" in (sites[1] / "api/v1/ledger/badges/default.svg").read_text()


def test_the_files_behind_the_figures_are_published_as_they_are(sites: tuple[Path, Path]) -> None:
    place = found_files(sites[1])
    for name in ("plan.json", "signatures.jsonl", "settlements.jsonl"):
        mine = sites[1].parent / "node/data/distributions/default/0001" / name
        assert (sites[1] / "api/v1/ledger" / place[name]).read_bytes() == mine.read_bytes()


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
        assert found.figures["default"]["earned"] == "10000"
        assert any("1 final statements" in words for words in found.checked)
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
    return dict(facts(site)["distributions"][0]["files"])  # type: ignore[index]
