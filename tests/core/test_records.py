"""Every record of the specification's section 4, field by field: what is valid, what is refused, and the way back."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from ledger.core.canonical import MAX_SAFE_INTEGER, decode, encode, sha256_hex
from ledger.core.errors import FormatError
from ledger.core.records.activity import PAYLOAD_FIELDS, payload_hash
from ledger.core.records.epoch import Transition, weight_config_hash
from ledger.core.records.record import Record
from ledger.core.values import MAX_AMOUNT
from tests.core.samples import END, ISSUER, NODE, RECORDS, SOME_HASH, START, TIME, WALLET, record, user

EVERY_FIELD = [(name, field) for name, (_, fields) in RECORDS.items() for field in fields]
STRANGE: list[Any] = [
    None, True, False, 0, 1, -1, 2**53, "", "x", "\n", "X" * 600, [], {}, [None], {"a": {}}, "0", "1", user(9), WALLET,
    SOME_HASH, TIME, "..", "../1", "٧", "7\n", " 7", "open", "default", "github",
]  # fmt: skip


def refuse(name: str, **changes: Any) -> str:
    """The reason why the sample `name` is refused with these changes."""
    with pytest.raises(FormatError) as caught:
        record(name, **changes)
    return caught.value.message


# --- the way there and back -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_read_from_its_line_gives_the_same_line_and_the_same_record(name: str) -> None:
    model, fields = RECORDS[name]
    raw = encode(fields)
    found = model.read(decode(raw))
    assert found.encode() == raw
    assert model.read(decode(found.encode())) == found


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_never_changes_once_made(name: str) -> None:
    found = record(name)
    with pytest.raises(ValidationError, match="frozen"):
        found.node_id = NODE


@given(st.sampled_from(EVERY_FIELD), st.sampled_from(STRANGE) | st.text(max_size=5) | st.integers())
def test_whatever_stands_in_a_field_it_is_refused_or_comes_back_as_it_was(where: tuple[str, str], value: Any) -> None:
    """No reader may take two lines for one record: what is accepted is written exactly as it was read."""
    name, field = where
    model, fields = RECORDS[name]
    changed = {**fields, field: value}
    try:
        found = model.read(changed)
    except FormatError:
        return
    assert found.encode() == encode(changed)


@pytest.mark.parametrize(("name", "field"), EVERY_FIELD)
def test_every_strange_value_in_every_field_is_refused_or_comes_back_as_it_was(name: str, field: str) -> None:
    model, fields = RECORDS[name]
    for value in STRANGE:
        changed = {**fields, field: value}
        try:
            found = model.read(changed)
        except FormatError as error:
            assert len(error.message.splitlines()) == 1
            continue
        assert found.encode() == encode(changed), f"{name}.{field} = {value!r}"


# --- every field: missing, mistyped, unknown ------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "field"), EVERY_FIELD)
def test_a_missing_field_is_refused(name: str, field: str) -> None:
    model, fields = RECORDS[name]
    rest = {key: value for key, value in fields.items() if key != field}
    with pytest.raises(FormatError, match=rf"^({field}: missing field|record: .*{field})"):
        model.read(rest)


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("extra", ["extra", "note_", "Node_id", "schema_", "from_"])
def test_an_unknown_field_is_refused(name: str, extra: str) -> None:
    assert refuse(name, **{extra: None}) == f"{extra}: unknown field"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("cursor", ("covered", 0)),
        ("statement", ("identities",)),
        ("statement", ("payouts", 0)),
        ("statement", ("held", 0)),
        ("statement", ("receipts",)),
    ],
)
def test_inner_objects_are_as_strict(name: str, path: tuple[str | int, ...]) -> None:
    model, fields = RECORDS[name]
    inner: Any = fields
    for part in path:
        inner = inner[part]
    for field in inner:
        cut, spoiled = copy.deepcopy(fields), copy.deepcopy(fields)
        at_cut: Any = cut
        at_spoiled: Any = spoiled
        for part in path:
            at_cut, at_spoiled = at_cut[part], at_spoiled[part]
        del at_cut[field]
        at_spoiled[field] = [1]
        with pytest.raises(FormatError, match=f"{field}: missing field"):
            model.read(cut)
        with pytest.raises(FormatError, match=rf"\b{field}: "):
            model.read(spoiled)
    longer = copy.deepcopy(fields)
    at_longer: Any = longer
    for part in path:
        at_longer = at_longer[part]
    at_longer["extra"] = 1
    with pytest.raises(FormatError, match="extra: unknown field"):
        model.read(longer)


KINDS: dict[str, list[Any]] = {
    "uuid": [None, 1, "", "x", NODE.upper(), NODE.replace("-", ""), "{" + NODE + "}", NODE + "\n", " " + NODE],
    "hash": [None, 1, "", SOME_HASH.upper(), "0x" + SOME_HASH, SOME_HASH[1:], SOME_HASH + "0", SOME_HASH + "\n"],
    "time": [None, 1, "", "2026-01-05", TIME[:-1], TIME[:-5] + "Z", "2026-06-30T23:59:60.000Z", TIME + "\n"],
    "scope": [None, 1, "", "-a", "A", "a_b", "a/b", "..", "a" * 64, "ä", "a\n"],
    "number": [None, 0, -1, 1_000_000_000, "1", 1.0, 1.5, True, "٧"],
    "quantity": [None, 0, -1, 2**53, "1", 1.0, True],
    "award": [None, 1, "", "A", "-a", "a b", "a/b", "ä", "a\n", "a" * 64],
    "count": [None, -1, 2**53, "1", 1.0, True],
    "amount": [1, 0, -1, 1.0, True, "", "-1", "+1", "01", "1.0", "1e3", "1_0", " 1", "1\n", "٧", str(MAX_AMOUNT + 1)],
    "weight": [-1, 2**53, "1", 1.0, True],
    "text": [1, True, [], "a\nb", "\x00", "\x7f", "\ud800"],
    "reason": [1, True, [], "", " ", "\u00a0\u2003", "a\nb", "\x7f", "\ud800"],
    "account": [None, 1, "", "a b", "ä", "a\n", "a" * 257],
    "event": [None, 1, "", "a b", "ä", "a\n", "a" * 513],
    "name": [None, 1, "", "A", "1a", "a.b", "a/b", "ä", "a\n", "a" * 64],
    "type": [None, 1, "", "A", "1a", "a-b", "ä", "a\n", "a" * 64],
    "wallet": [None, 1, "", WALLET.lower(), "0x" + WALLET[2:].upper(), WALLET[:-1] + "e", WALLET + "\n", WALLET[2:]],
    "flat": [None, 1, "", [], {"A": 1}, {"1a": 1}, {"": 1}, {"a": 1.5}, {"a": []}, {"a": {}}, {"a": 2**53},
             {"a": -(2**53)}, {"a": "\x7f"}, {"a": "\ud800"}, {"ä": 1}, {"a\n": 1}],
    "list": [None, 1, "", {}, [1], [None], ["a\nb"]],
    "signature": [None, 1, "", "0x", "1" * 130, "0x" + "A" * 130, "0x" + "1" * 128, "0x" + "1" * 130 + "\n"],
    "version": [None, 1, "", ".1", "-1", "1 2", "1\n2", "1\n", "ä", "v" * 64],
}  # fmt: skip

FIELD_KINDS: dict[str, dict[str, str]] = {
    "epoch": {
        "node_id": "uuid", "scope_id": "scope", "epoch_id": "number", "opened_at": "time", "period_start": "time",
        "period_end": "time", "weight_config_hash": "hash", "weight_policy": "text", "anchor": "time",
        "windows": "number", "pool_rules": "list",
    },
    "event": {
        "node_id": "uuid", "scope_id": "scope", "artifact_url": "text", "event_time": "time", "event_type": "type",
        "id": "event", "ingested_at": "time", "metadata": "flat", "payload_hash": "hash", "platform_login": "text",
        "platform_user_id": "account", "producer": "name", "producer_version": "text", "retrieved_at": "time",
        "source": "name", "quantity": "quantity",
    },
    "binding": {
        "node_id": "uuid", "actor": "reason", "at": "time", "evidence": "text", "external_id": "account",
        "login": "text", "provider": "name", "seq": "number", "user_id": "uuid",
    },
    "curation": {
        "node_id": "uuid", "scope_id": "scope", "epoch_id": "number", "seq": "number", "actor": "reason", "at": "time",
        "event_id": "event", "evidence": "text", "note": "reason", "weight_override_milli": "weight",
    },
    "resolve": {"user_id": "uuid", "note": "reason"},
    "override": {
        "node_id": "uuid", "scope_id": "scope", "epoch_id": "number", "seq": "number", "actor": "reason", "at": "time",
        "evidence": "text", "final_units": "amount", "reason": "reason", "user_id": "uuid",
    },
    "pool": {
        "node_id": "uuid", "scope_id": "scope", "epoch_id": "number", "algorithm_version": "text",
        "amount_credits": "amount", "computed_at": "time", "evidence_ref": "text", "id": "uuid", "inputs": "flat",
        "seq": "number", "actor": "reason",
    },
    "withdrawal": {"seq": "number", "actor": "reason", "reason": "reason"},
    "award": {
        "node_id": "uuid", "scope_id": "scope", "epoch_id": "number", "seq": "number", "actor": "reason", "at": "time",
        "amount_credits": "amount", "evidence": "text", "reason": "reason", "user_id": "uuid", "award": "award",
    },
    "cancel": {"reason": "reason", "award": "award"},
    "opening": {"node_id": "uuid", "scope_id": "scope", "epoch_id": "number", "actor": "reason", "at": "time"},
    "review": {"approver_set_hash": "hash", "gaps": "list", "threshold": "number", "approvers_seq": "number"},
    "finalize": {"statement_hash": "hash"},
    "cursor": {"seq": "number", "at": "time", "source": "name", "stream": "reason", "covered": "list", "state": "flat"},
    "collection": {
        "seq": "number", "at": "time", "counts": "flat", "covered_from": "time", "covered_to": "time",
        "errors": "list", "events_seen": "count", "events_stated": "count", "gaps": "list", "source": "name",
        "stream": "reason",
    },
    "allocation": {
        "node_id": "uuid", "scope_id": "scope", "epoch_id": "number", "activity_count": "count",
        "final_units": "amount", "override_reason": "text", "proposed_units": "amount", "user_id": "uuid",
    },
    "statement": {
        "node_id": "uuid", "scope_id": "scope", "epoch_id": "number", "activity_count": "count",
        "activity_root": "hash", "allocation_set_hash": "hash", "approver_set_hash": "hash", "curation_hash": "hash",
        "approvers_seq": "number",
        "gaps": "list", "overrides_hash": "hash", "payouts": "list", "period_end": "time", "period_start": "time",
        "pool_hash": "hash", "pool_total_credits": "amount", "previous_statement_hash": "hash",
        "statement_id": "uuid", "supersedes_statement_id": "uuid", "threshold": "number",
        "undistributed_credits": "amount", "unresolved_count": "count", "version": "number",
        "weight_config_hash": "hash", "awards_hash": "hash", "awards_total_credits": "amount",
        "collection_hash": "hash", "cursors_hash": "hash", "epoch_hash": "hash", "held": "list",
        "supersedes_statement_hash": "hash",
    },
    "signature": {
        "node_id": "uuid", "scope_id": "scope", "epoch_id": "number", "evidence": "text", "signature": "signature",
        "signed_at": "time", "signer_wallet": "wallet", "statement_hash": "hash",
    },
    "set": {
        "node_id": "uuid", "scope_id": "scope", "seq": "number", "approvers": "list", "issuers": "list", "at": "time",
        "previous": "hash", "reason": "reason", "threshold": "number",
    },
    "set signature": {
        "node_id": "uuid", "scope_id": "scope", "seq": "number", "approvers_seq": "number", "evidence": "text",
        "signature": "signature", "signed_at": "time", "signer_wallet": "wallet",
    },
    "log": {"node_id": "uuid", "scope_id": "scope", "seq": "number", "hash": "hash", "ref": "reason"},
    "attestation": {
        "node_id": "uuid", "scope_id": "scope", "epoch_id": "number", "attested_at": "time", "evidence": "text",
        "signature": "signature", "signer_wallet": "wallet", "statement_hash": "hash", "tool": "name",
        "tool_version": "version",
    },
}  # fmt: skip

NULLABLE = {
    ("event", "platform_login"), ("binding", "login"), ("override", "final_units"), ("cursor", "state"),
    ("collection", "events_stated"), ("allocation", "final_units"), ("allocation", "override_reason"),
    ("statement", "previous_statement_hash"), ("statement", "supersedes_statement_id"), ("curation", "evidence"),
    ("override", "evidence"), ("award", "evidence"), ("statement", "supersedes_statement_hash"),
    ("resolve", "user_id"), ("set", "previous"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "field", "kind"),
    [(name, field, kind) for name, kinds in FIELD_KINDS.items() for field, kind in kinds.items()],
)
def test_a_value_of_the_wrong_kind_is_refused_by_the_name_of_its_field(name: str, field: str, kind: str) -> None:
    for value in KINDS[kind]:
        if value is None and (name, field) in NULLABLE:
            assert getattr(record(name, **{field: None}), field) is None
            continue
        reason = refuse(name, **{field: value})
        assert reason.startswith((field, "record: ")), f"{value!r}: {reason}"


def test_the_table_of_kinds_covers_every_record() -> None:
    assert FIELD_KINDS.keys() == RECORDS.keys()


CLOSED = {
    ("epoch", "algorithm"): "weight-sum-v0",
    ("epoch", "schema"): "epoch/1",
    ("binding", "action"): "rebind",
    ("curation", "action"): "delete",
    ("pool", "component_id"): "gift",
    ("pool", "action"): "raise",
    ("award", "action"): "raise",
    ("epoch", "unit"): "weeks",
    ("epoch", "unresolved"): "burn",
    ("statement", "unresolved"): "burn",
    ("opening", "to"): "closed",
    ("review", "from"): "closed",
    ("statement", "algorithm"): "weight-sum-v0",
    ("statement", "schema"): "statement/1",
}


@pytest.mark.parametrize(("name", "field"), CLOSED)
def test_a_word_outside_a_closed_list_is_refused(name: str, field: str) -> None:
    assert refuse(name, **{field: CLOSED[name, field]}).startswith(field)


def test_the_bounds_themselves_are_valid() -> None:
    assert record("override", final_units="0").final_units == 0
    assert record("override", final_units=str(MAX_AMOUNT)).final_units == MAX_AMOUNT
    assert record("curation", weight_override_milli=0).weight_override_milli == 0
    assert record("curation", weight_override_milli=MAX_SAFE_INTEGER).weight_override_milli == MAX_SAFE_INTEGER
    assert record("binding", seq=999_999_999).seq == 999_999_999
    assert record("event", id="!" * 512).id == "!" * 512
    assert record("event", artifact_url="").artifact_url == ""
    limits = {"a": MAX_SAFE_INTEGER, "b": -MAX_SAFE_INTEGER, "c": True, "d": False, "e": None, "f": "\u2028", "g": 0}
    found = record("event", metadata=limits).fields()["metadata"]
    assert encode(found) == encode(limits), "true must not become 1, nor 0 become false"


def test_the_reason_for_a_bad_flat_value_is_in_plain_words() -> None:
    reason = refuse("event", metadata={"size": 1.5})
    assert reason == "metadata.size: must be text, a whole number within ±(2^53-1), true, false or null"


# --- rules between fields -------------------------------------------------------------------------------------------


def test_an_epoch_pins_weights_by_their_own_hash_and_a_window_in_order() -> None:
    assert "weight_config_hash" in refuse("epoch", weight_config={"git:commit_authored": 1001})
    assert "period_start" in refuse("epoch", period_start=END)
    for weights in ({"github": 1}, {"github:": 1}, {":a": 1}, {"GitHub:a": 1}, {"a:b:c": 1}, {"a:b": 1.5}, {"a:b": -1}):
        assert "weight_config" in refuse("epoch", weight_config=weights)
    assert record("epoch", weight_config={}, weight_config_hash=weight_config_hash({})).weight_config == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"user_id": user(1)},
        {"action": "include"},
        {"action": "exclude"},
        {"action": "note"},
        {"action": "resolve", "user_id": user(1)},
        {"note": None},
        {"action": "exclude", "weight_override_milli": None, "note": None},
    ],
)
def test_a_decision_carries_exactly_the_fields_of_its_action(changes: dict[str, Any]) -> None:
    assert refuse("curation", **changes).startswith("record: ")


@pytest.mark.parametrize("action", ["include", "exclude", "note", "weight"])
def test_every_action_has_a_valid_form(action: str) -> None:
    assert record("curation", action=action, weight_override_milli=None).action == action


@pytest.mark.parametrize("evidence", [None, "", "  "])
def test_a_top_up_needs_evidence_and_base_issuance_does_not(evidence: str | None) -> None:
    assert "evidence_ref" in refuse("pool", evidence_ref=evidence)
    base = record("pool", component_id="base_issuance", evidence_ref=evidence)
    assert base.evidence_ref == evidence


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("opening", {"threshold": 1}),
        ("opening", {"gaps": []}),
        ("opening", {"statement_hash": SOME_HASH}),
        ("opening", {"approvers_seq": None}),
        ("opening", {"statement_hash": None}),
        ("finalize", {"threshold": None}),
        ("review", {"statement_hash": SOME_HASH}),
        ("review", {"statement_hash": None}),
        ("finalize", {"gaps": []}),
    ],
)
def test_a_step_carries_exactly_its_own_fields_and_no_nulls_for_others(name: str, changes: dict[str, Any]) -> None:
    assert refuse(name, **changes).startswith("record: ")


@pytest.mark.parametrize("field", ["algorithm_version", "amount_credits", "computed_at", "id", "inputs"])
def test_a_recorded_component_has_all_its_figures_and_a_withdrawn_one_none(field: str) -> None:
    assert "go with record" in refuse("pool", **{field: None})
    assert "go with record" in refuse("withdrawal", **{field: RECORDS["pool"][1][field]})


def test_a_withdrawal_needs_a_reason_and_a_record_has_none() -> None:
    assert "reason" in refuse("withdrawal", reason=None)
    assert "reason" in refuse("pool", reason="because")
    assert "evidence_ref" in refuse("withdrawal", evidence_ref="https://example.org")


def test_an_award_names_person_and_credits_and_a_cancelled_one_neither() -> None:
    for field in ("amount_credits", "user_id"):
        assert "go with award" in refuse("award", **{field: None})
        assert "go with award" in refuse("cancel", **{field: RECORDS["award"][1][field]})


def test_only_held_shares_lapse_and_every_pool_rule_names_itself() -> None:
    assert "hold_epochs" in refuse("epoch", hold_epochs=4)
    assert record("epoch", hold_epochs=4, unresolved="hold").hold_epochs == 4
    assert "names its rule" in refuse("epoch", pool_rules=[{"amount_credits": "1"}])


def test_an_approver_set_is_sorted_unique_and_reachable() -> None:
    ana, ben = RECORDS["set"][1]["approvers"]
    assert "sorted by id" in refuse("set", approvers=[ben, ana])
    assert "sorted by id" in refuse("set", approvers=[ana, ana])
    assert "not sorted" in refuse("set", approvers=[{**ana, "wallets": ana["wallets"][::-1]}, ben])
    assert "not sorted" in refuse("set", approvers=[{**ana, "wallets": [WALLET, WALLET]}, ben])
    assert "stands under ana and under ben" in refuse("set", approvers=[ana, {**ben, "wallets": [WALLET]}])
    assert "stands under ana and under eve" in refuse("set", issuers=[{**ISSUER, "id": "eve", "wallets": [WALLET]}])
    assert "larger than the 2 approvers" in refuse("set", threshold=3)
    assert "approvers" in refuse("set", approvers=[])
    assert "wallets" in refuse("set", approvers=[{**ana, "wallets": []}, ben])
    assert "wallets.0" in refuse("set", approvers=[{**ana, "wallets": [WALLET.lower()]}, ben])


def test_covered_intervals_are_in_order_and_apart() -> None:
    one, two, three = START, TIME, END
    assert len(record("cursor", covered=[{"from": one, "to": two}]).covered) == 1
    assert "from is not before to" in refuse("cursor", covered=[{"from": two, "to": two}])
    assert "apart" in refuse("cursor", covered=[{"from": one, "to": two}, {"from": two, "to": three}])
    assert "apart" in refuse("cursor", covered=[{"from": two, "to": three}, {"from": one, "to": two}])
    assert "missing" in refuse("cursor", covered=[{"from_": one, "to": two}])


@pytest.mark.parametrize("share", ["1", "0.33333", "0.3333333", "1.000001", "2.000000", ".333333", "0,333333", 0.5])
def test_a_share_is_text_with_six_decimals_up_to_one(share: Any) -> None:
    sample = RECORDS["statement"][1]
    for table in ("held", "payouts"):
        assert f"{table}.0.share" in refuse("statement", **{table: [{**sample[table][0], "share": share}]})


# --- hashes ---------------------------------------------------------------------------------------------------------


def test_the_payload_hash_is_over_exactly_eight_fields() -> None:
    fields = RECORDS["event"][1]
    text = (
        '{"artifact_url":"https://github.com/acme/widgets/pull/42","event_time":"2026-01-06T10:20:30.123Z",'
        '"event_type":"pr_merged","id":"github:pr:acme/widgets:42","metadata":{"additions":7,"draft":false,'
        '"merged_by":null,"title":"Ünïcode – fine"},"platform_user_id":"1001","quantity":1,"source":"github"}'
    )
    assert payload_hash(fields) == sha256_hex(text.encode())
    for field, value in fields.items():
        changed = {**fields, field: {"title": "other"} if field == "metadata" else f"{value}x"}
        assert (payload_hash(changed) != payload_hash(fields)) == (field in PAYLOAD_FIELDS)


def test_the_weight_hash_does_not_depend_on_the_order_of_the_table() -> None:
    weights = {"b:b": 2, "a:a": 1}
    assert weight_config_hash(weights) == sha256_hex(b'{"a:a":1,"b:b":2}')


def test_the_statement_hash_is_that_of_the_file_with_its_line_end() -> None:
    statement = record("statement")
    assert statement.file_bytes() == statement.encode() + b"\n"
    assert statement.statement_hash == sha256_hex(statement.file_bytes())
    changed = statement.model_copy(update={"threshold": statement.threshold + 1})
    assert changed.statement_hash == sha256_hex(changed.file_bytes()) != statement.statement_hash


def test_code_may_make_records_with_integers_and_files_may_not() -> None:
    made = record("override").model_copy(update={"final_units": 5})
    assert decode(made.encode())["final_units"] == "5"
    assert "in quotes" in refuse("override", final_units=5)
    assert type(made)(**{**RECORDS["override"][1], "final_units": 5}) == made


def test_every_model_refuses_unknown_fields_and_is_strict_and_frozen() -> None:
    pending: list[type[BaseModel]] = [Record]
    seen = 0
    while pending:
        model = pending.pop()
        pending.extend(model.__subclasses__())
        assert (model.model_config.get("strict"), model.model_config.get("frozen")) == (True, True)
        assert model.model_config.get("extra") == "forbid"
        seen += 1
    assert seen > len({kind for kind, _ in RECORDS.values()})
    assert Transition in {kind for kind, _ in RECORDS.values()}
