"""Errors say what, where, which rule and what next, and end the command with the code that scripts rely on."""

from __future__ import annotations

import pytest

from ledger.core import errors
from ledger.core.errors import FormatError, LedgerError


@pytest.mark.parametrize(
    ("path", "line", "rule", "text"),
    [
        (None, None, None, "torn"),
        ("a.jsonl", None, None, "a.jsonl: torn"),
        ("a.jsonl", 3, None, "a.jsonl:3: torn"),
        ("a.jsonl", 3, "POOL_IMMUTABLE", "a.jsonl:3: torn [POOL_IMMUTABLE]"),
    ],
)
def test_an_error_names_place_message_and_rule(path: str | None, line: int | None, rule: str | None, text: str) -> None:
    assert str(LedgerError("torn", path=path, line=line, rule=rule)) == text


def test_the_place_found_first_is_the_one_that_stays() -> None:
    error = FormatError("torn").at("inner.jsonl", 2).at("outer.jsonl", 9)
    assert error.where == "inner.jsonl:2"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("DifferenceError", 1),
        ("UsageError", 2),
        ("InputError", 3),
        ("FormatError", 3),
        ("ConfigError", 3),
        ("StateError", 3),
        ("SignatureError", 3),
        ("SourceError", 3),
        ("CredentialsError", 4),
    ],
)
def test_exit_codes_are_the_contract_of_the_command_line(name: str, code: int) -> None:
    kind = getattr(errors, name)
    assert issubclass(kind, LedgerError)
    assert kind.exit_code == code
