"""A witness recomputes before signing, and remembers what was there: a rewritten past shows however well signed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_account import Account

from ledger import __version__
from ledger.core.canonical import sha256_hex
from ledger.core.errors import (
    CredentialsError,
    DifferenceError,
    FormatError,
    InputError,
    SignatureError,
    StateError,
    UsageError,
)
from ledger.core.signing import signed_text
from ledger.flows.attest import Attested, attest, attest_with_keystore, attestable, message
from ledger.flows.collect import collect
from ledger.flows.decide import override
from ledger.flows.identity import bind
from ledger.flows.session import Session
from ledger.flows.sign import finalize
from ledger.flows.verify import verify
from ledger.flows.witness import Witnessed, witness
from tests.nodes import KEYS, WALLETS, at, digest, golden_copy, make_node, sign_as, signature

NOW = "2026-02-01"
THIRD = "data/epochs/default/0003"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three finalized epochs of one scope, one of another."""
    return golden_copy(tmp_path / "node")


@pytest.fixture
def session(root: Path) -> Iterator[Session]:
    with at(root, NOW) as opened:
        yield opened


def attested(session: Session, person: str = "eve", epoch: int | None = None, **options: str) -> Attested:
    folder = attestable(session, "default", epoch)
    return attest(session, folder, signature(message(session, folder), person), **options)


# --- attest


def test_a_witness_attests_the_last_finalized_epoch_and_everything_still_verifies(session: Session) -> None:
    result = attested(session, evidence="https://example.org/me")
    assert (result.added, result.path) == (True, f"{THIRD}/attestations.jsonl")
    line = result.attestation
    assert (line.signer_wallet, line.tool, line.tool_version) == (WALLETS["eve"], "ledger", __version__)
    assert (line.attested_at, line.evidence, line.epoch_id) == ("2026-02-01T00:00:00.000Z", "https://example.org/me", 3)
    assert session.node.epoch("default", 3).attestations() == [line]
    assert verify(session).ok


def test_attesting_twice_changes_nothing(session: Session, root: Path) -> None:
    first = attested(session)
    before = digest(root)
    session.now = "2026-03-01T00:00:00.000Z"  # type: ignore[assignment]
    again = attested(session, evidence="once more")
    assert (again.added, again.attestation) == (False, first.attestation)
    assert digest(root) == before


def test_an_attestation_touches_its_own_file_only(session: Session, root: Path) -> None:
    before = digest(root)
    attested(session, epoch=1)
    after = digest(root)
    assert after.keys() - before.keys() == {"data/epochs/default/0001/attestations.jsonl"}
    assert {name: after[name] for name in before} == before


def test_witnesses_add_to_each_other(session: Session) -> None:
    for person in ("eve", "ann", "ben"):
        assert attested(session, person).added
    lines = session.node.epoch("default", 3).attestations()
    assert [line.signer_wallet for line in lines] == [WALLETS[person] for person in ("eve", "ann", "ben")]
    assert verify(session).ok


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("statement.json", b'"3334"', b'"3335"'),
        ("allocations.jsonl", b'"proposed_units":"', b'"proposed_units":"1'),
        ("collection.jsonl", b'"errors":[]', b'"errors":["x"]'),
        ("../../../identities.jsonl", b"people/alice", b"people/alyce"),
        ("attestations.jsonl", b"", b"{}\n"),
    ],
)
def test_where_anything_differs_nothing_is_attested(root: Path, name: str, old: bytes, new: bytes) -> None:
    with at(root, NOW) as session:
        text = message(session, attestable(session, "default", None))
    path = root / THIRD / name
    data = path.read_bytes() if path.exists() else b""
    assert old in data
    path.write_bytes(data.replace(old, new, 1))
    before = digest(root)
    with at(root, NOW) as session:
        folder = attestable(session, "default", None)
        with pytest.raises(DifferenceError, match="nothing is attested") as caught:
            attest(session, folder, signature(text, "eve"))
        with pytest.raises(DifferenceError):
            message(session, folder)
    assert caught.value.exit_code == 1
    assert (caught.value.path or "").endswith(".jsonl") or (caught.value.path or "").endswith(".json")
    assert digest(root) == before


def test_a_signature_over_another_text_is_told_where_the_wallet_is_named(session: Session, root: Path) -> None:
    folder = attestable(session, "default", None)
    statement = folder.statement()
    assert statement is not None
    before = digest(root)
    for text in (
        message(session, folder) + "\n",
        signed_text(statement),
        message(session, attestable(session, "default", 1)),
    ):
        with pytest.raises(SignatureError, match="over this text, not by") as caught:
            attest(session, folder, signature(text, "eve"), WALLETS["eve"])
        assert "no line end" in caught.value.hint
    with pytest.raises(SignatureError, match="130 hex digits"):
        attest(session, folder, "0x12", WALLETS["eve"])
    with pytest.raises(InputError, match="no address"):
        attest(session, folder, signature(message(session, folder), "eve"), "0x12")
    assert digest(root) == before
    assert attested(session, wallet=WALLETS["eve"].lower()).added


def test_a_keystore_signs_the_same_text(session: Session, tmp_path: Path) -> None:
    keystore = tmp_path / "wallet.json"
    keystore.write_text(json.dumps(Account.encrypt(KEYS["eve"], "secret", iterations=2)), "utf-8")
    folder = attestable(session, "default", None)
    with pytest.raises(CredentialsError, match="does not open"):
        attest_with_keystore(session, folder, keystore, lambda: "wrong")
    result = attest_with_keystore(session, folder, keystore, lambda: "secret")
    assert (result.added, result.attestation.signer_wallet) == (True, WALLETS["eve"])
    assert not attested(session).added


def test_only_a_finalized_epoch_is_attested(tmp_path: Path) -> None:
    root = make_node(tmp_path / "young")
    with at(root, "2026-01-13T12:00:00Z") as session:
        with pytest.raises(StateError, match="no finalized epoch"):
            attestable(session, "default", None)
        collect(session)
        with pytest.raises(StateError, match="no finalized epoch"):
            attestable(session, "default", None)
        with pytest.raises(StateError, match="epoch 1 is not finalized"):
            attestable(session, "default", 1)
        with pytest.raises(InputError, match="no epoch 7"):
            attestable(session, "default", 7)


# --- witness


def close_first(root: Path, units: int | None = None) -> None:
    """The same first epoch, or one with another payout, signed as it should be either way."""
    make_node(root)
    with at(root, "2026-01-06T00:00:00Z") as session:
        alice = bind(session, "file", "alice", login="alice", actor="ann").user_id
    with at(root, "2026-01-13T12:00:00Z", "ann") as session:
        collect(session)
        folder = session.node.epoch("default", 1)
        if units is not None:
            override(session, folder, alice, units, "a favour")
        sign_as(session, folder, "ann", "ben")
        finalize(session, folder)


def watch(root: Path, *against: Path) -> Witnessed:
    with at(root, NOW) as session:
        return witness(session, against)


def test_a_witness_remembers_what_is_new_and_finds_it_again(root: Path, tmp_path: Path) -> None:
    memory = tmp_path / "mine" / "memory.jsonl"
    first = watch(root, memory)
    assert (first.ok, first.remembered, len(first.new)) == (True, 0, 6)
    data = memory.read_bytes()
    assert data.count(b"\n") == 6 + 3  # and the root of each scope
    second = watch(root, memory)
    assert (second.ok, second.remembered, second.new) == (True, 6, ())
    assert memory.read_bytes() == data


def test_without_a_memory_a_witness_only_recomputes(root: Path) -> None:
    before = digest(root)
    found = watch(root)
    assert (found.ok, found.remembered, len(found.new)) == (True, 0, 6)
    assert digest(root) == before


def test_a_rewritten_past_shows_although_it_verifies_and_is_signed(tmp_path: Path) -> None:
    memory, root = tmp_path / "memory.jsonl", tmp_path / "node"
    close_first(root)
    was = watch(root, memory).new[0].statement_hash
    remembered = memory.read_bytes()
    shutil.rmtree(root)
    close_first(root, units=10**6)
    now = sha256_hex((root / "data/epochs/default/0001/statement.json").read_bytes())
    for _ in range(2):  # it is told until somebody has looked
        found = watch(root, memory)
        assert (found.ok, found.verification.ok) == (False, True)
        (finding,) = found.findings
        assert (finding.rule, finding.path) == (
            "EPOCH_FINALIZE_IDEMPOTENT", "data/epochs/default/0001/statement.json"
        )  # fmt: skip
        assert "another one than this witness saw" in finding.message
        assert (finding.expected, finding.actual) == (was, now)
        assert memory.read_bytes() == remembered


def test_an_older_clone_is_a_memory_too_and_is_only_read(tmp_path: Path) -> None:
    root, clone, memory = tmp_path / "node", tmp_path / "clone", tmp_path / "memory.jsonl"
    close_first(root)
    shutil.copytree(root, clone)
    before = digest(clone)
    assert (watch(root, clone).ok, watch(root, clone, memory).remembered) == (True, 1)
    assert memory.exists()
    shutil.rmtree(root)
    close_first(root, units=10**6)
    assert [found.path for found in watch(root, clone, memory).findings] == ["data/epochs/default/0001/statement.json"]
    assert digest(clone) == before


def test_a_folder_that_is_no_clone_is_named(root: Path, tmp_path: Path) -> None:
    (other := tmp_path / "photos").mkdir()
    with at(root, NOW) as session, pytest.raises(InputError, match=f"{other}: has no ledger.yaml"):
        witness(session, [other])


def test_a_finalized_epoch_that_is_gone_or_reopened_shows(root: Path, tmp_path: Path) -> None:
    memory = tmp_path / "memory.jsonl"
    watch(root, memory)
    shutil.rmtree(root / THIRD)
    (gone,) = watch(root, memory).findings
    assert (gone.path, gone.actual) == (f"{THIRD}/statement.json", "none")
    assert "is gone" in gone.message
    steps = root / "data/epochs/default/0002/transitions.jsonl"
    steps.write_bytes(b"".join(steps.read_bytes().splitlines(keepends=True)[:-1]))
    assert [found.path for found in watch(root, memory).findings] == [
        "data/epochs/default/0002/statement.json",
        f"{THIRD}/statement.json",
    ]


def test_another_node_in_the_same_place_shows(root: Path, tmp_path: Path) -> None:
    memory = tmp_path / "memory.jsonl"
    watch(root, memory)
    close_first(tmp_path / "other")
    found = watch(tmp_path / "other", memory)
    assert (found.ok, found.verification.ok, len(found.findings)) == (False, True, 6 + 3)


def test_what_does_not_recompute_is_told_and_not_remembered(root: Path, tmp_path: Path) -> None:
    memory = tmp_path / "memory.jsonl"
    path = root / THIRD / "allocations.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"proposed_units":"', b'"proposed_units":"1', 1))
    found = watch(root, memory)
    assert (found.ok, found.findings) == (False, ())
    assert f"{THIRD}/allocations.jsonl" in {each.path for each in found.all_findings}
    assert not memory.exists()


@pytest.mark.parametrize("line", [b"{}\n", b"x\n", b'{"epoch_id":1}\n', b"torn"], ids=repr)
def test_a_memory_that_cannot_be_read_is_an_error_with_its_line(root: Path, tmp_path: Path, line: bytes) -> None:
    memory = tmp_path / "memory.jsonl"
    watch(root, memory)
    memory.write_bytes(memory.read_bytes() + line)
    with pytest.raises(FormatError) as caught:
        watch(root, memory)
    assert caught.value.path == str(memory)
    assert caught.value.hint


def test_a_memory_lies_where_the_ledger_cannot_write(root: Path) -> None:
    with pytest.raises(UsageError, match="own data"):
        watch(root, root / "data" / "memory.jsonl")
    assert not (root / "data" / "memory.jsonl").exists()
