"""The expressions of workflows mean here what they mean on GitHub, and what is unknown is never guessed."""

from typing import Any

import pytest

from tests.workflows.expressions import Expression, Known, UnknownExpression, condition, filled

CONTEXTS: dict[str, Any] = {
    "github": Known(
        repository="acme/ledger",
        event_name="issues",
        event={"issue": {"labels": [{"name": "bug"}, {"name": "ledger:question"}], "pull_request": {"url": "x"}}},
    ),
    "vars": {"LEDGER_REPOSITORY": "acme/ledger", "EMPTY": ""},
    "needs": Known(build=Known(result="success"), test=Known(result="failure")),
}


def value(text: str, status: str = "success") -> Any:
    return Expression(text, CONTEXTS, status).value()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("github.repository == vars.LEDGER_REPOSITORY", True),
        ("github.repository == 'ACME/Ledger'", True),  # text is compared without case
        ("github.repository != vars.LEDGER_REPOSITORY", False),
        ("vars.MISSING == ''", True),  # null and empty are both 0
        ("vars.MISSING != ''", False),
        ("'1' == 1", True),
        ("'one' == 1", False),
        ("'one' != 1", True),
        ("true && false || true", True),
        ("true || true && false", True),
        ("(true || true) && false", False),
        ("!vars.EMPTY", True),
        ("!!github.event", True),  # an object is true
        ("vars.EMPTY || 'other'", "other"),
        ("vars.LEDGER_REPOSITORY && 'on'", "on"),
        ("github.event.issue.labels.*.name", ["bug", "ledger:question"]),
        ("github.event['issue'].pull_request.url", "x"),
        ("github.event.nothing.of.this", None),
        ("contains(github.event.issue.labels.*.name, 'LEDGER:question')", True),
        ("contains(github.event.issue.labels.*.name, 'ledger')", False),  # a list holds or holds not
        ("contains('a/b', '/')", True),
        ("contains(needs.*.result, 'failure')", True),
        ("startsWith('epoch/default/3', 'epoch/')", True),
        ("endsWith('a.yml', '.YML')", True),
        ("format('{0}-{1} {{x}}', 'a', 2)", "a-2 {x}"),
        ("'it''s'", "it's"),
    ],
)
def test_an_expression_yields_what_github_says(text: str, wanted: object) -> None:
    assert value(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "toJSON(secrets)",
        "hashFiles('x')",
        "unknown.member",
        "github.actor",  # every member of `github` is known here: another one is a slip
        "needs.deploy.result",
        "1 < 2",
        "github.repository ==",
        "'open",
        "always(1)",
        "a b",
        "github.repository github.repository",
        '"double quotes"',
        "format('{0}', github.event)",
        "",
    ],
)
def test_what_is_unknown_raises(text: str) -> None:
    with pytest.raises(UnknownExpression):
        value(text)


def test_a_condition_without_a_status_function_holds_only_while_all_goes_well() -> None:
    assert condition("true", CONTEXTS)
    assert not condition("true", CONTEXTS, "failure")
    assert condition("always() && true", CONTEXTS, "failure")
    assert condition("failure()", CONTEXTS, "failure")
    assert not condition("failure()", CONTEXTS)
    assert not condition("success()", CONTEXTS, "failure")
    assert condition("", CONTEXTS)
    assert not condition(None, CONTEXTS, "failure")


def test_a_condition_that_is_partly_an_expression_is_refused_because_github_takes_it_for_true() -> None:
    assert condition("${{ github.repository == 'acme/ledger' }}", CONTEXTS)
    with pytest.raises(UnknownExpression, match="always true"):
        condition("${{ github.repository }} == 'other'", CONTEXTS)


def test_every_place_in_a_text_is_filled() -> None:
    assert filled("guard-${{ github.event.number || github.repository }}!", CONTEXTS) == "guard-acme/ledger!"
    assert filled("${{ vars.MISSING }}", CONTEXTS) == ""
    assert filled("${{ true }} ${{ 3 }}", CONTEXTS) == "true 3"
