"""People bind their own accounts: real signatures, real events, and everything that must not work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from ledger.core.errors import CredentialsError, InputError, LedgerError, SignatureError
from ledger.core.identity import resolve_accounts
from ledger.core.values import Timestamp
from ledger.flows.collect import collect
from ledger.flows.identity import bind, unbind
from ledger.flows.proof import challenge, prove
from ledger.flows.session import Session, open_session
from ledger.flows.start import NodePlan, SourcePlan, init_node
from ledger.sources.keyed import keyed_account

KEY, OTHER_KEY = "0x" + "21" * 32, "0x" + "22" * 32
WALLET, OTHER_WALLET = Account.from_key(KEY).address, Account.from_key(OTHER_KEY).address
NOW = Timestamp("2026-01-07T00:00:00.000Z")
HEAD = "id,time,event_type,account,login,evidence,title\n"


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    plan = NodePlan(
        name="test",
        start=NOW,
        approvers=[("ann", OTHER_WALLET)],
        sources=[SourcePlan("file", "notes", {"path": "notes.csv"})],
        node_id="11111111-1111-4111-8111-111111111111",
    )
    init_node(tmp_path, plan)
    (tmp_path / "notes.csv").write_text(HEAD, "utf-8")
    opened = open_session(tmp_path, NOW, environ={})
    yield opened
    opened.close()


@contextmanager
def open_for(root: Path, environ: dict[str, str]) -> Iterator[Session]:
    opened = open_session(root, NOW, environ=environ)
    yield opened
    opened.close()


def signature(text: str, key: str = KEY) -> str:
    return "0x" + Account.sign_message(encode_defunct(text=text), key).signature.hex().removeprefix("0x")


def post(session: Session, row: str, account: str, text: str) -> str:
    """Let `account` say `text` where the ledger collects; returns the event's id."""
    with (session.node.root / "notes.csv").open("a", encoding="utf-8") as file:
        file.write(f"{row},2026-01-06T00:00:00Z,community,{account},{account},https://example.org/{row},{text}\n")
    collect(session)
    return f"file:notes:{row}"


def test_a_wallet_that_signs_the_challenge_is_bound_to_a_user_of_its_own(session: Session) -> None:
    asked = challenge(session, "wallet", WALLET.lower())
    found = prove(session, "wallet", WALLET.lower(), signatures=[signature(asked.text)])
    assert found.added
    line = session.node.bindings()[-1]
    assert (line.external_id, line.user_id, line.actor) == (WALLET, asked.user_id, "self")
    assert line.evidence.startswith("proof nonce=0 eip191:0x")


def test_an_account_that_posts_the_code_is_bound(session: Session) -> None:
    event = post(session, "r1", "carol", challenge(session, "file", "carol").code)
    assert prove(session, "file", "carol", events=[event], login="carol").added
    assert session.node.bindings()[-1].evidence == f"proof nonce=0 event:{event}"


def test_somebody_elses_post_or_signature_proves_nothing(session: Session) -> None:
    event = post(session, "r1", "mallory", challenge(session, "file", "carol").code)
    with pytest.raises(SignatureError, match="no answer comes from file account carol itself"):
        prove(session, "file", "carol", events=[event])
    text = challenge(session, "wallet", WALLET).text
    with pytest.raises(SignatureError, match="itself"):
        prove(session, "wallet", WALLET, signatures=[signature(text, OTHER_KEY)])
    assert session.node.bindings() == []


def test_an_event_that_says_something_else_is_named(session: Session) -> None:
    event = post(session, "r1", "carol", "hello")
    with pytest.raises(InputError, match="does not say ledger-bind-"):
        prove(session, "file", "carol", events=[event])


def test_joining_a_user_takes_an_account_that_is_his_already(session: Session) -> None:
    carol = bind(session, "file", "carol", actor="ann").user_id
    asked = challenge(session, "wallet", WALLET, carol)
    signed = signature(asked.text)
    with pytest.raises(SignatureError, match="has already"):
        prove(session, "wallet", WALLET, user_id=carol, signatures=[signed])
    event = post(session, "r1", "carol", asked.code)
    assert prove(session, "wallet", WALLET, user_id=carol, signatures=[signed], events=[event]).user_id == carol


def test_an_answer_works_once_even_after_an_unbind(session: Session) -> None:
    signed = signature(challenge(session, "wallet", WALLET).text)
    prove(session, "wallet", WALLET, signatures=[signed])
    unbind(session, "wallet", WALLET, evidence="key lost", actor="ann")
    with pytest.raises(SignatureError):
        prove(session, "wallet", WALLET, signatures=[signed])
    assert challenge(session, "wallet", WALLET).nonce == 2


def test_a_bound_account_cannot_be_claimed_again(session: Session) -> None:
    bind(session, "file", "carol", actor="ann")
    with pytest.raises(InputError, match="is bound to user"):
        challenge(session, "file", "carol")


def test_of_two_people_who_claim_one_account_the_second_is_refused_though_his_challenge_is_older(
    session: Session,
) -> None:
    dave = bind(session, "file", "dave", actor="ann").user_id
    asked = challenge(session, "wallet", WALLET, dave)
    signed, event = signature(asked.text), post(session, "r1", "dave", asked.code)
    prove(session, "wallet", WALLET, signatures=[signature(challenge(session, "wallet", WALLET).text)])
    before = session.node.bindings()
    with pytest.raises(InputError, match="is bound to user"):
        prove(session, "wallet", WALLET, user_id=dave, signatures=[signed], events=[event])
    with pytest.raises(InputError, match="is bound to user"):
        bind(session, "wallet", WALLET, user_id=dave, actor="ann")
    assert session.node.bindings() == before


def test_a_wallet_moves_to_another_user_by_an_unbind_and_a_new_proof_and_all_of_it_stays_on_record(
    session: Session,
) -> None:
    carol = bind(session, "file", "carol", actor="ann").user_id
    prove(session, "wallet", WALLET, signatures=[signature(challenge(session, "wallet", WALLET).text)])
    unbind(session, "wallet", WALLET, evidence="given to carol", actor="ann")
    asked = challenge(session, "wallet", WALLET, carol)
    event = post(session, "r1", "carol", asked.code)
    prove(session, "wallet", WALLET, user_id=carol, signatures=[signature(asked.text)], events=[event])
    assert resolve_accounts(session.node.bindings())["wallet", WALLET] == carol
    assert [(line.action, line.actor) for line in session.node.bindings() if line.provider == "wallet"] == [
        ("bind", "self"),
        ("unbind", "ann"),
        ("bind", "self"),
    ]


def test_an_answer_for_one_user_does_not_serve_another(session: Session) -> None:
    carol = bind(session, "file", "carol", actor="ann").user_id
    dave = bind(session, "file", "dave", actor="ann").user_id
    signed = signature(challenge(session, "wallet", WALLET, carol).text)
    event = post(session, "r1", "dave", challenge(session, "wallet", WALLET, dave).code)
    with pytest.raises(LedgerError):
        prove(session, "wallet", WALLET, user_id=dave, signatures=[signed], events=[event])


def test_a_plain_discord_id_is_keyed_as_the_log_keys_it(session: Session) -> None:
    scope = session.node.root / "scopes/default.yaml"
    entry = '  - source: discord\n    name: chat\n    options:\n      guild: "123456"\n'
    scope.write_text(scope.read_text("utf-8") + entry, "utf-8")
    with open_for(session.node.root, {}) as without, pytest.raises(CredentialsError, match="keyed"):
        challenge(without, "discord", "4242")
    with open_for(session.node.root, {"LEDGER_SECRET": "s"}) as keyed:
        assert challenge(keyed, "discord", "4242").account == ("discord", keyed_account(b"s", "4242"))
