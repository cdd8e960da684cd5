"""Moving in from SourceCred: an instance that SourceCred's own code wrote is read, brought in, signed and owed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from ledger.cli.app import ledger
from ledger.core.errors import InputError, SignatureError, StateError
from ledger.flows.approvers import propose
from ledger.flows.collect import collect
from ledger.flows.importing.bring import undo
from ledger.flows.importing.sourcecred import import_sourcecred
from ledger.flows.importing.terms import Report, Terms
from ledger.flows.paying.opening import sign_openings
from ledger.flows.verify import verify
from ledger.imports.scores import MERGED, NO_SCORES, OTHER_SCORES, SAME, compute_again, read_scores, split_budget
from ledger.imports.sourcecred import Replay, alias_of, events
from ledger.store.guard import guard
from ledger.store.moneybook import scope_book
from ledger.store.payments import on_disk
from tests.nodes import at, digest, make_node, sign_sets, signature
from tests.store.repositories import commit, git

INSTANCE = Path(__file__).parent / "instance"
LEFT = {
    "KhG4Lenkbd5h2NXiKECmXA": 3709284870768075744256,
    "o73EnYkrycd9rU8Q8VRbEw": 4689409074752551629771,
    "SZoOZF2c5LZBoOXx6KCdhA": 5325028189700168458278,
    "YXqLdkqt0PClQsM51PGOUQ": 0,
    "HKtYPkzedDlNXQ2QMA2PpQ": 353277864779204167759,
}
"""Each account's balance as SourceCred's own book had it when it wrote the instance."""
LINES = (INSTANCE / "data/ledger.json").read_bytes().splitlines()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_node(tmp_path / "node")


@pytest.fixture
def instance(tmp_path: Path) -> Path:
    return Path(shutil.copytree(INSTANCE, tmp_path / "instance"))


def bring(root: Path, instance: Path = INSTANCE, *, write: bool = True, **said: object) -> Report:
    with at(root, "2026-01-06T00:00:00Z", "ann") as session:
        terms = Terms(rate=1000, decimals=18, origin="https://example.org/cred", **said)  # type: ignore[arg-type]
        return import_sourcecred(session, "default", instance, terms, write=write)


def replayed(lines: list[bytes]) -> Replay:
    replay = Replay()
    for number, event in events(lines):
        list(replay.step(number, event))
    return replay


def test_both_forms_of_the_ledger_give_sourcecreds_own_balances() -> None:
    array = [b"[", *(line + b"," for line in LINES[:-1]), LINES[-1], b"]"]
    for form in (LINES, array):
        replay = replayed(form)
        assert replay.balances() == LEFT
        assert [each.name for each in replay.identities()] == ["ann", "bobby", "carol", "helper-bot", "treasury"]
    assert replayed([b"[]"]).balances() == {}
    with pytest.raises(InputError, match="cut off"):
        replayed(array[:-1])


def test_share_outs_whose_scores_are_there_come_out_bit_for_bit_and_the_others_say_why() -> None:
    replay = replayed(LINES)
    scores = read_scores((INSTANCE / "output/credGrainView").read_bytes(), "credGrainView")
    now = {own: each.ids[0] for each in replay.identities() for own in each.ids}
    assert replay.given is not None
    again = compute_again(replay.given, scores, now)
    assert again == [OTHER_SCORES] * 6 + [SAME] * 19  # SourceCred scored the first two weeks otherwise then
    assert compute_again(replay.given, None, now).count(NO_SCORES) == 24  # a prize to one person needs no scores
    assert MERGED in compute_again(replay.given, scores, {**now, replay.given[0].receipts[0][0]: "another"})
    with pytest.raises(ValueError, match="positive"):
        split_budget(5, [0.0, 0.0])
    with pytest.raises(InputError, match="holds no scores"):
        read_scores(b'{"participants": 3}', "credGrainView")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda lines: [*lines[:20], lines[22], *lines[20:]], "older than the event before"),
        (
            lambda lines: [
                line.replace(b'"amount":"12', b'"amount":"99912') if b"TRANSFER" in line else line for line in lines
            ],
            "has not",
        ),
        (lambda lines: lines[5:], "no event before it made"),
        (
            lambda lines: [*lines[:3], lines[3].replace(b"CREATE_IDENTITY", b"CREATE_PERSON"), *lines[4:]],
            "CREATE_PERSON",
        ),
        (lambda lines: [*lines[:4], lines[4][:50]], "is no JSON"),
        (lambda lines: [*lines, *lines[:1]], "is older"),
        (lambda lines: [lines[0].replace(b'"version":"1"', b'"version":"2"')], "version"),
        (lambda lines: [lines[0].replace(b'"ledgerTimestamp":', b'"ledgerTimestamp":null,"x":')], "milliseconds"),
        (lambda lines: [b"[1,2]"], "array in one line"),
        (lambda lines: [b"[" * 60], "array in one line"),
        (lambda lines: [lines[0], b"7"], "no event"),
    ],
)
def test_a_file_that_breaks_sourcecreds_rules_is_refused_with_its_line_and_nothing_is_written(
    root: Path, instance: Path, change: Callable[[list[bytes]], list[bytes]], why: str
) -> None:
    (instance / "data/ledger.json").write_bytes(b"\n".join(change(LINES)) + b"\n")
    before = digest(root)
    with pytest.raises(InputError, match=why) as refused:
        bring(root, instance)
    assert str(refused.value.path).endswith("data/ledger.json")
    assert digest(root) == before


def test_what_comes_is_told_first_then_written_once_signed_owed_and_verified(root: Path) -> None:
    before = digest(root)
    told = bring(root, write=False)
    assert digest(root) == before
    assert (told.people, told.again[SAME], told.total_minor) == (5, 19, 14077000000000000000064)
    assert (told.total_credits, told.remainder_minor) == (14_077_000, 64_000)
    done = bring(root)
    assert done.changed
    assert [row[1:] for row in done.balances] == [row[1:] for row in told.balances]
    assert [(name, credits) for name, _, credits in done.balances] == [
        ("carol", 5_325_028), ("bobby", 4_689_409), ("ann", 3_709_285), ("treasury", 353_278),
    ]  # fmt: skip
    written = digest(root)
    assert not bring(root).changed
    assert digest(root) == written
    with at(root, "2026-01-06T01:00:00Z", "ann") as session:
        propose(session, "default")
        sign_sets(session, "default", "ann", "ben")
        assert scope_book(session.node, "default").balances == {}
        for person in ("ann", "ben"):
            sign_openings(session, "default", signature(done.text, person))
        balances = scope_book(session.node, "default").balances
        assert {str(user): credits for user, credits in balances.items()} == {
            user: credits for _, user, credits in done.balances
        }
        with pytest.raises(StateError, match="signed"):
            undo(session, "default", "sourcecred")
        collect(session)
        found = verify(session)
        assert [each for each in found.findings if each.rule == "BALANCE_CONSERVED"] == []


def test_a_node_without_epochs_says_what_is_missing_until_balances_count_and_that_they_were_checked(root: Path) -> None:
    text = bring(root).text
    with at(root, "2026-01-06T01:00:00Z", "ann") as session:
        with pytest.raises(StateError, match="no approver set of scope default counts yet") as caught:
            sign_openings(session, "default", signature(text, "ann"))
        assert "ledger approvers propose" in caught.value.hint
        assert "nothing to verify yet" in said("verify", "--node", str(root))
        propose(session, "default")
        sign_sets(session, "default", "ann", "ben")
        with pytest.raises(SignatureError, match="no approver of scope"):
            sign_openings(session, "default", signature(text, "eve"))
        sign_openings(session, "default", signature(text, "ann"))
    assert "has no epoch yet; what else it holds was checked" in said("verify", "--node", str(root))


def test_accounts_that_nobody_is_bound_to_are_told_by_the_reason_each_reason_once(root: Path) -> None:
    lines = said("import", "sourcecred", str(INSTANCE), "--node", str(root), "--actor", "ann").splitlines()
    reasons = [line for line in lines if line.startswith("  ") and not line.startswith("    ")]
    assert len(reasons) == len({line.split(": ", 1)[1] for line in reasons}) > 1
    assert sum(int(line.split(":")[0]) for line in reasons) == int(lines[0].split()[4])


def said(*words: str) -> str:
    return CliRunner().invoke(ledger, list(words), standalone_mode=False).stdout


def test_a_history_that_does_not_give_the_balances_is_found(root: Path) -> None:
    bring(root)
    with at(root, "2026-01-06T01:00:00Z", "ann") as session:
        collect(session)
    path = root / "data/opening/default.sourcecred.jsonl"
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"amount_minor":"123456789012345678901"', b'"amount_minor":"23456789012345678901"'))
    with at(root, "2026-01-06T02:00:00Z", "ann") as session:
        words = [each.message for each in verify(session).findings if each.rule == "BALANCE_CONSERVED"]
    assert words == [
        "the history is not that which the source names",
        "the opening balances are not what the history gives at this rate",
    ]


def test_an_import_can_be_undone_until_somebody_signs_also_for_guard(root: Path) -> None:
    git(root, "init", "--quiet")
    bring(root)
    commit(root)
    with at(root, "2026-01-06T01:00:00Z", "ann") as session:
        assert undo(session, "default", "sourcecred")
        assert not undo(session, "default", "sourcecred")
        assert on_disk(root, session.node.node_id).sources("default") == {}
    assert guard(root, "HEAD") == []
    done = bring(root)
    with at(root, "2026-01-06T01:00:00Z", "ann") as session:
        propose(session, "default")
        sign_sets(session, "default", "ann", "ben")
        sign_openings(session, "default", signature(done.text, "ann"))
    commit(root)
    for name, break_it in (("default.sourcecred.json", None), ("default.jsonl", b"")):
        path = root / "data/opening" / name
        kept = path.read_bytes()
        path.write_bytes(kept + b"{}\n") if break_it is None else path.unlink()
        assert f"data/opening/{name}" in {finding.path for finding in guard(root, "HEAD")}
        path.write_bytes(kept)
    assert guard(root, "HEAD") == []


def test_nobody_is_guessed_and_who_is_known_here_already_is_the_same_person(root: Path) -> None:
    accounts = b"provider,name,account\ngithub,ann,1234567\n"
    first = bring(root, accounts=accounts, leave_out=("treasury",))
    with at(root, "2026-01-06T01:00:00Z") as session:
        bound = {(line.provider, line.external_id): line for line in session.node.bindings()}
    ann = bound["github", "1234567"]
    assert ann.user_id == bound["sourcecred", "KhG4Lenkbd5h2NXiKECmXA"].user_id
    assert ann.evidence.startswith("https://example.org/cred sha256:")
    assert ann.evidence.endswith(" line 7")
    assert {key for key in bound if key[0] == "github"} == {("github", "1234567")}
    assert not {
        key for key in bound if key[0] == "discord"
    }  # no scope collects from Discord, so it could match nothing
    assert ("bobby", "github bob", "the file does not tell its number") in first.unbound
    assert first.nobody_minor == LEFT["HKtYPkzedDlNXQ2QMA2PpQ"]
    assert "treasury" not in {name for name, _, _ in first.balances}
    with pytest.raises(InputError, match="nobody is called 'zoe'"):
        bring(root, leave_out=("zoe",))
    with pytest.raises(InputError, match="has github ben, which is nobody's account there"):
        bring(root, accounts=b"provider,name,account\nGitHub,Ann,1234567\ngithub,ben,7\n")


def test_a_wallet_that_the_file_states_is_bound_only_where_somebody_vouches_for_it(root: Path, instance: Path) -> None:
    wallet = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
    alias = {"address": f"N\0sourcecred\0ethereum\0{wallet}\0", "description": "a wallet"}
    action = {"alias": alias, "identityId": "KhG4Lenkbd5h2NXiKECmXA", "type": "ADD_ALIAS"}
    last = json.loads(LINES[-1])["ledgerTimestamp"]
    line = {"action": action, "ledgerTimestamp": last, "uuid": "oX09dI6kBhKbsEc9P0lSpQ", "version": "1"}
    with (instance / "data/ledger.json").open("a") as file:
        file.write(json.dumps(line) + "\n")

    def wallets() -> list[str]:
        with at(root, "2026-01-06T01:00:00Z") as session:
            return [each.external_id for each in session.node.bindings() if each.provider == "wallet"]

    stated = bring(root, instance)
    assert any(name == f"wallet {wallet}" and "proves itself" in why for _, name, why in stated.unbound)
    assert stated.wallets == 1 and wallets() == []
    bring(root, instance, accounts=f"provider,name,account\nwallet,{wallet},{wallet}\n".encode())
    assert wallets() == [wallet]


def test_addresses_of_the_graph_tell_an_account_only_where_they_hold_its_number() -> None:
    def found(*parts: str) -> tuple[str, str | None] | None:
        alias = alias_of("\0".join(("N", *parts, "")), 1)
        return None if alias is None else (alias.provider, alias.account)

    assert found("sourcecred", "discord", "MEMBER", "user", "300000000000000001") == ("discord", "300000000000000001")
    assert found("sourcecred", "discord", "MEMBER", "bot", "300000000000000001") == ("discord", None)
    assert found("sourcecred", "github", "USERLIKE", "USER", "ann") == ("github", None)
    assert found("sourcecred", "discourse", "user", "https://forum.example.org", "ann") == ("discourse", None)
    assert found("sourcecred", "ethereum", "0x" + "ab" * 20) == ("wallet", None)
    assert found("sourcecred", "core", "IDENTITY", "x") is None
    assert found("acme", "forum", "7") == ("other", None)


def test_accounting_that_was_switched_off_leaves_no_balance_but_what_was_earned() -> None:
    def event(**action: object) -> bytes:
        return json.dumps({"action": action, "ledgerTimestamp": 2**41, "uuid": "x", "version": "1"}).encode()

    currency = {"chainId": "1", "tokenAddress": "0x" + "00" * 20, "type": "EVM"}
    off = [event(type="SET_EXTERNAL_CURRENCY", currency=currency), event(type="DISABLE_ACCOUNTING")]
    assert set(replayed([*LINES, *off]).balances().values()) == {0}
    with pytest.raises(InputError, match="without a currency"):
        replayed([*LINES, off[1]])
