"""How people name accounts and how the log writes them; what could never match an event is refused in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.core.canonical import sha256_hex
from ledger.core.errors import CredentialsError, InputError, UsageError
from ledger.core.identity import NOBODY, resolve_accounts
from ledger.core.records.decisions import Binding
from ledger.core.values import Timestamp, name_uuid
from ledger.flows.accounts import account_key, voucher
from ledger.flows.identity import bind, unbind
from ledger.flows.proof import challenge
from ledger.flows.session import Session, open_session
from ledger.flows.start import NodePlan, SourcePlan, init_node
from ledger.sources.github import rules
from ledger.sources.keyed import keyed_account
from ledger.store.append import append_records
from tests.nodes import NODE_ID, at, make_node

NOW = Timestamp("2026-01-07T00:00:00.000Z")
ADDRESS = "Ann@Example.org"
HASH = sha256_hex(ADDRESS.lower().encode())


@pytest.fixture(params=["plain"])
def session(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Session]:
    """A node that collects from GitHub with `ids` as the parameter says."""
    plan = NodePlan(
        name="test",
        start=NOW,
        sources=[SourcePlan("github", "code", {"repositories": ["team/code"], "ids": request.param})],
        node_id=NODE_ID,
    )
    init_node(tmp_path, plan)
    opened = open_session(tmp_path, NOW, environ={"LEDGER_SECRET": "s"})
    yield opened
    opened.close()


keyed = pytest.mark.parametrize("session", ["keyed"], indirect=True)


@pytest.mark.parametrize(
    ("provider", "given", "written"),
    [
        ("github", "101", "101"),
        ("github", ADDRESS, HASH),
        ("github", HASH, HASH),
        ("git", ADDRESS, HASH),
        ("git", HASH, HASH),
        ("git", "777+Old@users.noreply.github.com", sha256_hex(b"777@users.noreply.github.com")),
        ("git", "old@users.noreply.github.com", sha256_hex(b"old@users.noreply.github.com")),
        ("github", "777+old@users.noreply.github.com", "777"),
        ("discord", "123456789012345678", "123456789012345678"),
        ("file", "carol", "carol"),
        ("did", "did:key:z6Mk", "did:key:z6Mk"),
    ],
)
def test_an_account_is_written_as_its_events_carry_it(
    session: Session, provider: str, given: str, written: str
) -> None:
    assert account_key(session, provider, given) == (provider, written)


@keyed
def test_an_account_on_github_is_keyed_where_the_scope_keys_it(session: Session) -> None:
    assert account_key(session, "github", "101") == ("github", keyed_account(b"s", "101"))
    assert account_key(session, "github", ADDRESS) == ("github", keyed_account(b"s", HASH))
    assert account_key(session, "github", HASH) == ("github", HASH)  # as `identity unresolved` shows it
    session.environ = {}
    with pytest.raises(CredentialsError, match="keyed github ids"):
        bind(session, "github", "101", actor="ann")


@pytest.mark.parametrize(
    ("provider", "given", "words"),
    [
        ("github", "alice", "number, not its name"),
        ("github", "007", "number, not its name"),
        ("github", "١٢٣", "number, not its name"),
        ("github", "101\n", "number, not its name"),
        ("discord", "anna", "number"),
        ("discord", "anna@example.org", "number"),
        ("git", "ann", "address"),
        ("git", HASH.upper(), "address"),
        ("wallet", "0x12", "no address"),
    ],
)
def test_what_could_never_match_an_event_is_refused(session: Session, provider: str, given: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        bind(session, provider, given, actor="ann")
    assert session.node.bindings() == []


@pytest.mark.parametrize(("provider", "account"), sorted(NOBODY))
def test_an_account_that_stands_for_anybody_binds_to_no_one(session: Session, provider: str, account: str) -> None:
    for act in (lambda: bind(session, provider, account, actor="ann"), lambda: challenge(session, provider, account)):
        with pytest.raises(InputError, match="binds to no one"):
            act()
    assert session.node.bindings() == []


def test_deleted_accounts_on_github_come_under_the_account_that_is_nobodys() -> None:
    assert ("github", rules.Who.of(None, None, bot=False).account) in NOBODY


def test_a_binding_that_would_be_refused_today_can_still_be_taken_back(session: Session) -> None:
    line = {
        "action": "bind", "actor": "ann", "at": NOW, "evidence": "", "external_id": "alice", "login": None,
        "node_id": session.node.node_id, "provider": "github", "seq": 1, "user_id": NODE_ID,
    }  # fmt: skip
    append_records(session.node.root, "data/identities.jsonl", [Binding.read(line)])
    assert unbind(session, "github", "alice", evidence="a name, not a number", actor="ann").added
    assert resolve_accounts(session.node.bindings()) == {}


def test_parted_accounts_never_come_back_as_the_person_that_they_were(session: Session) -> None:
    first = bind(session, "git", "x@example.org", actor="ann").user_id
    bind(session, "git", "y@example.org", user_id=first, actor="ann")
    unbind(session, "git", "x@example.org", evidence="not the same", actor="ann")
    asked = challenge(session, "git", "x@example.org").user_id
    again = bind(session, "git", "x@example.org", actor="ann")
    assert again.added and again.user_id == asked
    account = sha256_hex(b"x@example.org")
    name = f"git:{account}"
    assert (first, again.user_id) == (name_uuid(NODE_ID, name), name_uuid(NODE_ID, f"{name}#2"))
    assert not bind(session, "git", "x@example.org", actor="ann").added
    unbind(session, "git", "x@example.org", evidence="and once more", actor="ann")
    assert bind(session, "git", "x@example.org", actor="ann").user_id == name_uuid(NODE_ID, f"{name}#3")
    with pytest.raises(InputError, match="is bound to user"):
        bind(session, "git", "y@example.org", user_id=again.user_id, actor="ann")


@pytest.mark.parametrize(("provider", "said"), [("gitlab", "Known: did, discord, file"), ("receipt", "receipt list")])
def test_only_accounts_that_can_match_an_event_are_bound(tmp_path: Path, provider: str, said: str) -> None:
    with at(make_node(tmp_path / "node"), "2026-01-05T00:00:00Z") as session:
        with pytest.raises(InputError) as caught:
            bind(session, provider, "5", actor="ann")
        assert said in caught.value.hint


def test_only_an_approver_vouches(tmp_path: Path) -> None:
    root = make_node(tmp_path / "node")
    for actor, error in ((None, UsageError), ("mallory", InputError), ("ann", None)):
        with at(root, "2026-01-05T00:00:00Z", actor) as session:
            if error is None:
                assert voucher(session) == "ann"
                continue
            with pytest.raises(error):
                voucher(session)
