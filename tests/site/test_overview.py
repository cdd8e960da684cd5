"""The first page says what it all comes to, what is paid, as of when, who checked it, and what is going on now."""

from __future__ import annotations

import re
from pathlib import Path

from ledger.flows.attest import attest, message
from ledger.flows.collect import collect
from ledger.flows.identity import bind
from ledger.flows.sign import finalize
from ledger.site.build import build_site
from tests.nodes import at, make_node, sign_as, signature

WRONG: dict[str, object] = {
    "ok": False,
    "epochs": [
        {"scope_id": "default", "epoch_id": 1, "checks": [{"invariant": "X", "verdict": "fail", "findings": []}]}
    ],
}


def first_page(root: Path, time: str, verification: dict[str, object]) -> str:
    """The text of the first page of a site built now."""
    with at(root, time) as session:
        out = root.parent / "site"
        build_site(session.node, session.engine, out, verification=verification, commit=None)
    html = (out / "index.html").read_text("utf-8")
    body = html.partition('<div class="ledger">')[2].partition("</article>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def test_the_first_page_follows_the_record_from_nothing_to_a_witness(tmp_path: Path) -> None:
    root = make_node(tmp_path / "node")
    with at(root, "2026-01-08T00:00:00Z", "ann") as session:
        bind(session, "file", "alice", login="alice", actor="ann")
        collect(session)
    text = first_page(root, "2026-01-08T00:00:00Z", WRONG)
    assert "1 of 1 epoch did not recompute when this site was built: default 1 ." in text
    assert "If it closed now, 1 person would share 10,000 credits." in text
    assert "Credits allocated 0 Paid 0 Outstanding 0" in text
    with at(root, "2026-01-14T00:00:00Z", "ann") as session:
        collect(session)
        folder = session.node.epoch("default", 1)
        sign_as(session, folder, "ann", "ben")
        finalize(session, folder)
        attest(session, folder, signature(message(session, folder), "eve"))
    text = first_page(root, "2026-01-14T00:00:00Z", {"ok": True})
    assert "Credits allocated 10,000 Paid 0 Outstanding 10,000" in text
    assert "As of 2026-01-14 00:00 UTC" in text
    assert "10,000 credits are allocated to 1 person" in text
    assert "1 witness signed for 1 epoch" in text
    assert "were paid" not in text
