"""What people write: unknown keys, numbers where text belongs, twice-listed wallets, thresholds nobody can reach."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.core.config import DEFAULT_ANCHOR, NodeSettings, ScopeSettings, Settings, WeightPolicy
from ledger.core.errors import ConfigError
from ledger.core.values import MAX_AMOUNT
from tests.core.samples import NODE, OTHER_WALLET, WALLET

ANA = {"id": "ana", "github_id": 1, "wallets": [WALLET]}
BEN = {"id": "ben", "github_id": 2, "wallets": [OTHER_WALLET]}
SCOPE: dict[str, Any] = {
    "scope_id": "default",
    "name": "Everything",
    "start": "2026-01-05",
    "weights": "weights/default.yaml",
    "approvers": [ANA, BEN],
    "threshold": 2,
    "curators": [{"id": "cleo"}],
    "pool": {"base_issuance": "10000"},
    "sources": [{"source": "git", "name": "main", "options": {"branch": "main"}}],
    "routing": [{"source": "github", "repositories": ["acme/*"]}],
    "overlap": False,
}


def refuse(model: type[Settings], value: object) -> str:
    with pytest.raises(ConfigError) as caught:
        model.load(value, "scopes/default.yaml")
    error = caught.value
    assert error.path == "scopes/default.yaml"
    assert error.hint
    assert error.exit_code == 3
    return error.message


def scope(**changes: Any) -> ScopeSettings:
    return ScopeSettings.load({**SCOPE, **changes}, "scopes/default.yaml")


def refuse_scope(**changes: Any) -> str:
    return refuse(ScopeSettings, {**SCOPE, **changes})


# --- ledger.yaml ----------------------------------------------------------------------------------------------------


def test_a_node_needs_only_its_id_and_name() -> None:
    node = NodeSettings.load({"node_id": NODE, "name": "Widgets"}, "ledger.yaml")
    assert node.epoch.anchor == f"{DEFAULT_ANCHOR}T00:00:00.000Z"
    assert (node.epoch.length, node.epoch.grace_hours) == (7, 24)


@pytest.mark.parametrize("value", [None, [], "text", 7, {}, {"node_id": NODE}, {"name": "x"}])
def test_a_file_without_the_required_keys_is_refused(value: object) -> None:
    refuse(NodeSettings, value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("node_id", NODE.upper()),
        ("node_id", "x"),
        ("node_id", 7),
        ("name", 7),
        ("name", "a\nb"),
        ("name", None),
        ("site_url", "javascript:alert(1)"),
        ("site_url", "https://example.org/a b"),
        ("site_url", "ftp://example.org"),
        ("nodeid", NODE),
        ("epoch", {"length_days": 7}),
        ("epoch", {"unit": "weeks"}),
        ("epoch", {"unit": "months", "anchor": "2026-01-29"}),
        ("epoch", {"length": 0}),
        ("epoch", {"length": 7.0}),
        ("epoch", {"length": "7"}),
        ("epoch", {"length": True}),
        ("epoch", {"length": 367}),
        ("epoch", {"grace_hours": -1}),
        ("epoch", {"anchor": "2026-01-05T01:00:00Z"}),
        ("epoch", {"anchor": "2026-01-05T00:00:00+01:00"}),
        ("epoch", {"anchor": "2026-13-05"}),
        ("epoch", {"anchor": "monday"}),
        ("epoch", {"anchor": "0001-01-01T00:00:00+14:00"}),
        ("epoch", {"anchor": 20260105}),
    ],
)
def test_a_wrong_or_unknown_key_of_the_node_is_named(key: str, value: object) -> None:
    assert refuse(NodeSettings, {"node_id": NODE, "name": "Widgets", key: value}).startswith(key)


# --- scopes ---------------------------------------------------------------------------------------------------------


def test_a_scope_says_who_signs_and_who_decides() -> None:
    found = scope()
    assert found.wallets == tuple(sorted([WALLET, OTHER_WALLET]))
    person = found.person_of(WALLET)
    assert person is not None
    assert person.id == "ana"
    assert found.person_of(WALLET.lower()) is None, "addresses are compared in their one checksummed form"
    assert [found.may_decide(name) for name in ("ana", "cleo", "dora", "", "ANA")] == [True, True, False, False, False]


def test_a_wallet_in_lower_case_gets_its_checksum() -> None:
    assert scope(approvers=[{**ANA, "wallets": [WALLET.lower()]}], threshold=1).wallets == (WALLET,)


def test_an_unquoted_address_is_explained() -> None:
    assert "quotes" in refuse_scope(approvers=[{"id": "ana", "wallets": [int(WALLET, 16)]}], threshold=1)


@pytest.mark.parametrize("wallet", [WALLET[:-1] + "e", WALLET[:-1], "ana.eth", "", None, True, 1.5, [WALLET]])
def test_a_wallet_with_a_wrong_checksum_or_form_is_refused(wallet: object) -> None:
    assert refuse_scope(approvers=[{"id": "ana", "wallets": [wallet]}], threshold=1).startswith("approvers.0.wallets.0")


@pytest.mark.parametrize("twin", [WALLET, WALLET.lower(), "0x" + WALLET[2:].upper()])
def test_one_wallet_is_one_persons_however_it_is_written(twin: str) -> None:
    for approvers in ([ANA, {**BEN, "wallets": [twin]}], [{**ANA, "wallets": [WALLET, twin]}, BEN]):
        assert "a wallet is listed twice" in refuse_scope(approvers=approvers)


def test_one_person_is_one_entry() -> None:
    """People are counted, not keys: who stands in two entries would sign twice."""
    assert "an id is listed twice" in refuse_scope(approvers=[ANA, {**BEN, "id": "ana"}])
    assert "a github_id is listed twice" in refuse_scope(approvers=[ANA, {**BEN, "github_id": 1}])
    assert (
        scope(approvers=[{"id": "ana", "wallets": [WALLET]}, {"id": "ben", "wallets": [OTHER_WALLET]}]).threshold == 2
    )


@pytest.mark.parametrize("threshold", [3, 0, -1, 1000, "2", 2.0, True, None])
def test_a_threshold_that_nobody_can_reach_or_that_is_no_count_is_refused(threshold: object) -> None:
    assert "threshold" in refuse_scope(threshold=threshold)


def test_a_threshold_counts_people_and_not_their_wallets() -> None:
    both = [{"id": "ana", "wallets": [WALLET, OTHER_WALLET]}]
    assert "threshold: 2 is larger than the 1 approvers" in refuse_scope(approvers=both, threshold=2)
    assert scope(approvers=both, threshold=1).threshold == 1


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../x.yaml",
        "weights/../../x.yaml",
        "weights\\x.yaml",
        "a//b",
        "./x.yaml",
        "weights/",
        "a\nb",
        7,
    ],
)
def test_a_path_stays_inside_the_node(path: object) -> None:
    assert refuse_scope(weights=path).startswith("weights")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("scope_id", "../1"),
        ("scope_id", "Default"),
        ("scope_id", "a" * 64),
        ("approver", []),
        ("approvers", [{"id": "ana", "wallets": []}]),
        ("approvers", [{"id": "ana"}]),
        ("approvers", [{"id": "", "wallets": [WALLET]}]),
        ("approvers", [{"id": "a b", "wallets": [WALLET]}]),
        ("approvers", [{**ANA, "wallet": WALLET}]),
        ("approvers", {"ana": WALLET}),
        ("curators", [{"id": "cleo", "wallets": [WALLET]}]),
        ("curators", ["cleo"]),
        ("pool", {"base": "1"}),
        ("pool", {"base_issuance": "-1"}),
        ("pool", {"base_issuance": -1}),
        ("pool", {"base_issuance": "1_000"}),
        ("pool", {"base_issuance": 1.5}),
        ("pool", {"base_issuance": True}),
        ("pool", {"base_issuance": str(MAX_AMOUNT + 1)}),
        ("pool", {"base_issuance": MAX_AMOUNT + 1}),
        ("sources", [{"source": "git"}]),
        ("sources", [{"source": "Git", "name": "main"}]),
        ("routing", [{"source": "github", "repository": ["a/b"]}]),
        ("overlap", "yes"),
        ("overlap", 1),
        ("start", "soon"),
    ],
)
def test_a_wrong_or_unknown_key_of_a_scope_is_named(key: str, value: object) -> None:
    assert refuse_scope(**{key: value}).startswith(key)


def test_a_source_name_is_used_once() -> None:
    twice = [{"source": "git", "name": "main"}, {"source": "github", "name": "main"}]
    assert "a name is used twice" in refuse_scope(sources=twice)


def test_base_issuance_may_be_quoted_or_a_plain_whole_number() -> None:
    """YAML integers are exact; text is the form of the records, where doubles might read along."""
    for amount in ("9223372036854775807", MAX_AMOUNT):
        assert scope(pool={"base_issuance": amount}).pool.base_issuance == MAX_AMOUNT


# --- weights --------------------------------------------------------------------------------------------------------


def test_weights_are_whole_numbers_by_source_and_type() -> None:
    policy = WeightPolicy.load({"weights": {"github:pr_merged": 8000, "git:commit_authored": 0}}, "weights/x.yaml")
    assert policy.weights == {"github:pr_merged": 8000, "git:commit_authored": 0}
    assert policy.algorithm == "weight-sum-v1"


@pytest.mark.parametrize(
    "weights",
    [
        {"github:pr_merged": 8000.0},
        {"github:pr_merged": 0.5},
        {"github:pr_merged": "8000"},
        {"github:pr_merged": True},
        {"github:pr_merged": None},
        {"github:pr_merged": -1},
        {"github:pr_merged": 2**53},
        {"pr_merged": 1},
        {"GitHub:pr_merged": 1},
        {"github:pr-merged": 1},
        {"github: pr_merged": 1},
        {7: 1},
        ["github:pr_merged"],
        None,
    ],
)
def test_a_weight_that_is_not_whole_or_a_kind_that_is_malformed_is_refused(weights: object) -> None:
    assert refuse(WeightPolicy, {"weights": weights}).startswith("weights")


def test_an_unknown_algorithm_is_refused() -> None:
    assert refuse(WeightPolicy, {"algorithm": "weight-sum-v9", "weights": {}}).startswith("algorithm")


NO_NAME = "must be 1 to 60 letters on one line, none of them hidden (type it anew), no blank at its ends"


@pytest.mark.parametrize("name", ["talk", "a talk", "x" * 60, "пост", "講演", "\N{MICROPHONE}", "e\u0301"])
def test_a_kind_is_called_by_any_word_of_one_line(name: str) -> None:
    policy = WeightPolicy.load({"weights": {}, "names": {"file:talk_given": name}}, "weights/x.yaml")
    assert policy.names == {"file:talk_given": name}


@pytest.mark.parametrize("name", ["", " ", " talk", "talk ", "x" * 61, "two\nlines"])
def test_a_kind_is_called_by_no_blank_long_or_broken_line(name: str) -> None:
    assert (
        refuse(WeightPolicy, {"weights": {}, "names": {"file:talk_given": name}}) == f"names.file:talk_given: {NO_NAME}"
    )


@pytest.mark.parametrize(
    "letter", ["\u202e", "\u2066", "\u200b", "\u00ad", "\ufeff", "\u2028", "\x85", "\ue000", "\x1b"]
)
def test_what_a_kind_is_called_hides_no_letter_and_turns_no_line(letter: str) -> None:
    for name in (f"ta{letter}lk", f"{letter}talk", f"talk{letter}", letter):
        assert (
            refuse(WeightPolicy, {"weights": {}, "names": {"file:talk_given": name}})
            == f"names.file:talk_given: {NO_NAME}"
        )
