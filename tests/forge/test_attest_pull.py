"""An attestation comes by a stranger's pull request: the required check lets it through when it holds, only then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.core.values import Timestamp
from ledger.flows.attest import attest, message
from tests.forge.test_ci_guard import FORK, Checkout, checkout, rules
from tests.nodes import at, signature

__all__ = ["checkout"]
TIME = Timestamp("2026-02-01T00:00:00Z")
FILE = "data/epochs/default/0001/attestations.jsonl"


@pytest.fixture
def final(checkout: Checkout) -> Checkout:
    """Main holds one final epoch."""
    checkout.base = checkout.epoch(final=True)
    return checkout


def witness(final: Checkout) -> None:
    """What `ledger attest` does in a stranger's clone, with a wallet that nobody here knows."""
    with at(final.root, TIME) as session:
        folder = session.folder("default", 1)
        attest(session, folder, signature(message(session, folder), "eve"))


def test_a_strangers_attestation_from_a_fork_passes(final: Checkout) -> None:
    witness(final)
    final.save()
    assert final.pull("attest/default/1", repo=FORK).findings == ()


def test_after_the_merge_main_is_as_it_should_be(final: Checkout) -> None:
    witness(final)
    final.save()
    assert final.push().findings == ()
    assert (final.root / FILE).is_file()


def test_a_second_witness_adds_a_line_and_takes_none(final: Checkout) -> None:
    witness(final)
    final.base = final.save()
    with at(final.root, TIME) as session:
        folder = session.folder("default", 1)
        attest(session, folder, signature(message(session, folder), "ben"))
    final.save()
    assert final.pull("attest/default/1", repo=FORK).findings == ()
    (final.root / FILE).write_text(
        "".join((final.root / FILE).read_text("utf-8").splitlines(keepends=True)[1:]), "utf-8"
    )
    final.save()
    assert final.pull("attest/default/1", repo=FORK).findings != ()


SPOILT: dict[str, Callable[[str], str]] = {
    "another's wallet is claimed": lambda line: line.replace('"signer_wallet":"0x', '"signer_wallet":"0x00', 1),
    "another tool is claimed": lambda line: line.replace('"tool":"ledger"', '"tool":"better"'),
    "another statement is meant": lambda line: line.replace('"statement_hash":"', '"statement_hash":"0', 1),
    "it stands there twice": lambda line: line * 2,
    "it is no record": lambda line: "{}\n",
}


@pytest.mark.parametrize("how", SPOILT)
def test_one_that_does_not_hold_is_refused(final: Checkout, how: str) -> None:
    witness(final)
    path = final.root / FILE
    path.write_text(SPOILT[how](path.read_text("utf-8")), "utf-8")
    final.save()
    found = final.pull("attest/default/1", repo=FORK).findings
    assert found != () and all(finding.path == FILE for finding in found)


def test_whatever_else_comes_with_it_is_refused(final: Checkout) -> None:
    witness(final)
    (Path(final.root) / "data/epochs/default/0001/pool.jsonl").write_text("{}\n", "utf-8")
    final.save()
    assert rules(final.pull("attest/default/1", repo=FORK)) & {"CURATION_FREEZE_ON_FINALIZE", "WRITES_VIA_WORKFLOW"}
