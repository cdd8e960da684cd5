"""Two ledgers exchange receipts over HTTP on this machine: one publishes credentials, the other decides what counts."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from joserfc import jws
from joserfc.jwk import OKPKey
from openbadgeslib.ob3 import OB_V3_CONTEXT, OB3VerificationError, OB3Verifier

from ledger.cli import main
from ledger.core.merkle import leaf_hash, root_of_path
from ledger.credentials import jose
from ledger.credentials.keys import new_key, public_key
from ledger.flows.identity import bind
from ledger.flows.receipts.export import export, publish_key
from ledger.flows.sign import finalize
from ledger.flows.verify import verify
from tests.flows.test_receipts import MONDAY, decide, issue, run
from tests.nodes import NODE_ID, WALLETS, at, sign_as
from tests.receipt_nodes import receipt_node

Call = Callable[..., tuple[int, str, str]]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder that is served, and its address."""
    folder = tmp_path / "site"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    monkeypatch.setenv("LEDGER_KEY_PASSWORD", "secret")

    def ledger(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ledger", *map(str, arguments)])
        code = main()
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return ledger


def theirs(root: Path) -> Path:
    """A node with an epoch that paid Dora by a receipt; Emil's was revoked after it had been approved."""
    receipt_node(root)
    with at(root, "2026-01-05T02:00:00Z", "ann") as session:
        dora = next(line.user_id for line in session.node.bindings() if line.login == "dora")
        bind(session, "wallet", WALLETS["eve"], user_id=dora, actor="ann")
    issue(root, "care.1", "2026-01-06", "@dora")
    issue(root, "talk.2", "2026-01-06", "@emil")
    for item in ("care.1", "talk.2"):
        decide(root, item, "2026-01-07", "approved")
    decide(root, "talk.2", "2026-01-08", "revoked", "twice")
    folder = run(root, MONDAY)
    with at(root, "2026-01-13T02:00:00Z", "ann") as session:
        sign_as(session, folder, "ann", "ben")
        finalize(session, folder)
    return root


def test_a_receipt_leaves_one_ledger_and_counts_in_another_as_far_as_that_one_lets_it(
    tmp_path: Path, site: tuple[Path, str], call: Call
) -> None:
    folder, address = site
    root, key = theirs(tmp_path / "theirs"), tmp_path / "key.pem"
    code, _, _ = call("receipt", "key", "new", key, "--node", root)
    assert code == 0
    assert key.stat().st_mode & 0o077 == 0
    assert b"PRIVATE" not in (root / "issuers-keys.json").read_bytes()
    export = (
        "receipt",
        "export",
        "--vc",
        "--badges",
        "--key",
        key,
        "--out",
        folder,
        "--site-url",
        address,
        "--node",
        root,
    )
    code, out, err = call(*export)
    assert code == 0, err
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert call(*export)[0] == 0
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before

    document = json.loads((folder / ".well-known/did.json").read_text("utf-8"))
    public = OKPKey.import_key(document["verificationMethod"][0]["publicKeyJwk"])
    read: dict[str, Any] = {}
    for path in folder.rglob("*.jwt"):
        found = jws.deserialize_compact(path.read_text("ascii").strip(), public, algorithms=["EdDSA"])
        read[path.relative_to(folder).as_posix()] = json.loads(found.payload)
    receipts = {
        one["credentialSubject"]["workItem"]: (name, one)
        for name, one in read.items()
        if "WorkReceiptCredential" in one["type"]
    }
    name, mine = receipts["care.1"]
    assert mine["credentialSubject"]["id"] == f"did:pkh:eip155:0:{WALLETS['eve']}"
    assert mine["issuer"] == document["id"]
    proof = next(one for one in mine["evidence"] if one["type"] == "LedgerInclusionProof")
    leaf = leaf_hash(proof["line"].encode())
    assert root_of_path(leaf, proof["leafIndex"], proof["treeSize"], proof["path"]) == proof["activityRoot"]
    (year,) = [one for one in read.values() if "WorkYearCredential" in one["type"]]
    assert year["credentialSubject"]["pointsByRole"] == {"author": 5}

    ours = receipt_node(tmp_path / "ours")
    run(ours, "2026-01-07")
    gone = receipts["talk.2"][0]
    bring = ("receipt", "import", f"{address}/{name}", f"{address}/{gone}", "--node", ours, "--now", "2026-01-10")
    code, _, err = call(*bring)
    assert (code, "no issuer of another node is trusted yet" in err) == (3, True)
    policy = f"issuers:\n  - did: {document['id']}\n    node_id: {NODE_ID}\n    at_most: 3\n"
    (ours / "trust.yaml").write_text(policy, "utf-8")
    code, out, err = call(*bring)
    assert code == 0, err
    assert "added 3 points" in out
    assert "5 points are capped at 3" in out
    assert "is revoked by its issuer" in out
    code, out, _ = call(*bring)
    assert "is an event of this node already" in out
    with at(ours, "2026-01-10", "ann") as session:
        (event,) = [event for _, _, event in session.folder("default", 1).events()]
        assert (event.source, event.quantity, event.event_type) == ("credential", 3, "author")
        assert event.metadata["issuer"] == document["id"]
        assert verify(session).all_findings == []

    token = tmp_path / "token.jwt"
    head, body, signature = (folder / name).read_text("ascii").strip().split(".")
    token.write_text(".".join((head, body, signature[:-4] + "AAAA")), "ascii")
    again = ("receipt", "import", token, "--node", ours, "--now", "2026-01-10")
    code, out, _ = call(*again)
    assert (code, "not signed by the key" in out) == (1, True)
    token.write_text((folder / name).read_text("ascii"), "ascii")
    code, out, _ = call(*again, "--offline")
    assert (code, "not at hand" in out) == (1, True)
    files = ("--did", folder / ".well-known/did.json", "--status", folder / "status/1.jwt")
    code, out, _ = call(*again, "--offline", *files)
    assert (code, "already" in out) == (0, True)


def test_a_badge_is_what_another_implementation_of_open_badges_takes_until_it_is_revoked(tmp_path: Path) -> None:
    root, key, folder = theirs(tmp_path / "theirs"), new_key(), tmp_path / "site"
    with at(root, "2026-01-14T02:00:00Z", "ann") as session:
        publish_key(session, public_key(key))
        export(session, folder, key, badges=True, site_url="https://ledger.example")

    def download(url: str) -> bytes:
        parts = urlsplit(url)
        assert (parts.scheme, parts.netloc) == ("https", "ledger.example")
        return (folder / parts.path.lstrip("/")).read_bytes()

    reader = OB3Verifier.for_issuer_did("did:web:ledger.example", download=download)
    badges = {}
    for path in folder.rglob("*.badge.jwt"):
        token = path.read_text("ascii").strip()
        badges[reader.verify(token).achievement.name] = token
        assert jose.read(token).payload["@context"][1] == OB_V3_CONTEXT
    dora = reader.verify(badges.pop("author of care.1"), check_status=True, download=download)
    assert dora.recipient_id == f"did:pkh:eip155:0:{WALLETS['eve']}"
    assert dora.achievement.description.startswith("5 of 5 points of care.1 as author")
    with pytest.raises(OB3VerificationError, match="'revocation' is set"):
        reader.verify(badges.pop("author of talk.2"), check_status=True, download=download)
    assert not badges


def test_a_private_key_never_lies_in_the_node_and_none_is_overwritten(tmp_path: Path, call: Call) -> None:
    root = receipt_node(tmp_path / "node")
    code, _, err = call("receipt", "key", "new", root / "key.pem", "--node", root)
    assert (code, "does not lie in the node" in err) == (3, True)
    (tmp_path / "there").write_text("mine", "utf-8")
    assert call("receipt", "key", "new", tmp_path / "there", "--node", root)[0] == 3
    assert (tmp_path / "there").read_text("utf-8") == "mine"
    assert not (root / "issuers-keys.json").exists()
