"""The fields of the question form, as GitHub writes them and as a stranger may bend them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.records.decisions import Objection
from ledger.core.values import ScopeId, parse_time
from ledger.forge.questions import answer_text, form_fields, place_of
from tests.core.samples import NODE

BODY = "### Scope\n\ndefault\n\n### Epoch\n\n3\n\n### Person\n\n_No response_\n\n### Question\n\nWhy?\n### Scope\n\nx\n"


@pytest.mark.parametrize("body", [BODY, BODY.replace("\n", "\r\n")])
def test_each_field_is_read_and_the_first_of_a_name_counts(body: str) -> None:
    fields = form_fields(body)
    assert (fields["scope"], fields["epoch"], fields["person"]) == ("default", "3", "")


def test_an_issue_without_the_form_has_no_fields() -> None:
    assert form_fields("just words\n#### Scope\n\ndefault") == {}


@given(st.text())
def test_any_text_is_read_without_trouble(body: str) -> None:
    form_fields(body)  # must not raise


@pytest.mark.parametrize("unit", [" ", "\n", "\t", "\r\n", "### a", "### a \n", "### "])
def test_a_long_text_does_not_keep_the_loop_busy(unit: str) -> None:
    """Anyone may write an issue; a pattern that goes back over its blanks would need hours for half a million."""
    fields = form_fields("### Scope\n\ndefault" + unit * 500_000 + "x")
    assert fields["scope"].startswith("default")


def answered(evidence: str, note: str = "as agreed") -> str:
    fields = {"action": "answered", "actor": "ann", "at": parse_time("2026-01-13"), "evidence": evidence, "issue": 7}
    place = {"node_id": NODE, "scope_id": ScopeId("default"), "epoch_id": 1, "seq": 2, "person": None}
    return answer_text(Objection.read({**fields, **place, "note": note}))


def test_an_answer_links_to_where_it_was_given() -> None:
    there = "https://github.com/acme/led/pull/3#issuecomment-9"
    assert answered(there) == f"Answered by `ann`: `as agreed` ([here]({there}))"
    assert answered("") == "Answered by `ann`: `as agreed`"


@pytest.mark.parametrize(
    "evidence", ["x) @everyone (y", "javascript:alert(1)", 'https://e.org/"x', "https://e.org/ <b>"]
)
def test_an_address_in_an_answer_is_no_markdown(evidence: str) -> None:
    assert answered(evidence) == f"Answered by `ann`: `as agreed` (`{evidence}`)"
    assert answered("", "`@everyone` closes #1").endswith(": `` `@everyone` closes #1 ``")


@pytest.mark.parametrize(
    ("scope", "epoch", "place"),
    [
        ("default", "3", ("default", 3)),
        ("Default", "Epoch 3", ("default", 3)),
        ("", "#3", None),
        ("design", "design/3", ("design", 3)),
        ("_No response_", "default/3", ("default", 3)),
        ("the default scope", "the 3", ("default", 3)),
        ("default", "3 or 4", None),
        ("default", "", None),
        ("other", "3", None),
        ("default", "03", None),
    ],
)
def test_an_epoch_is_found_however_the_form_was_filled_in(
    scope: str, epoch: str, place: tuple[str, int] | None
) -> None:
    assert place_of(f"### Scope\n\n{scope}\n\n### Epoch\n\n{epoch}\n", ["default", "design"]) == place


def test_the_only_scope_need_not_be_named() -> None:
    assert place_of("### Scope\n\n_No response_\n\n### Epoch\n\nEpoch 2", ["default"]) == ("default", 2)
