"""What a strict model refused, in the words of whoever wrote the file: never those of the library that noticed it.

Pure. A pattern has its words here, beside nothing that depends on them: they change no rule, only how it is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from ledger.core import values

_FORMS = {
    values.AMOUNT_PATTERN: 'a whole number in plain digits, in quotes, such as "10000"',
    values.TIMESTAMP_PATTERN: "a time like 2026-01-05T00:00:00.000Z",
    values.HASH_PATTERN: "a SHA-256: 64 digits of 0-9 and a-f",
    values.UUID_PATTERN: "a UUID in lower case, such as 2f5c3a1e-7b9d-4e8a-9c01-5d6e7f8a9b0c",
    values.SCOPE_PATTERN: "a scope's id: a-z, 0-9 and -, at most 63 characters",
    values.EVENT_ID_PATTERN: "an event's id: visible ASCII characters without blanks, at most 512",
    values.ACCOUNT_PATTERN: "an account's id: visible ASCII characters without blanks, at most 256",
    values.NAME_PATTERN: "a name of a-z, 0-9, _ and - that begins with a letter",
    values.TYPE_PATTERN: "a kind of event: a-z, 0-9 and _, beginning with a letter",
    values.META_KEY_PATTERN: "a key of a-z, 0-9 and _ that begins with a letter",
    values.ADDRESS_PATTERN: "an address: 0x and 40 hex digits",
    values.SIGNATURE_PATTERN: "a signature: 0x and 130 hex digits in lower case",
    values.VERSION_PATTERN: "a version of letters, digits, and . + -",
    r"\S": "some text that is not blank",
}
"""What a text must look like, by the pattern that it did not match."""

_WORDS = {
    "extra_forbidden": "unknown field",
    "missing": "missing field",
    "string_type": "must be text (in quotes, where it looks like a number)",
    "int_type": "must be a whole number, without quotes",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "bool_type": "must be true or false",
    "none_required": "must be null",
    "tuple_type": "must be a list, such as [one, two]",
    "list_type": "must be a list, such as [one, two]",
    "dict_type": "must hold keys and values",
    "mapping_type": "must hold keys and values",
    "model_type": "must hold keys and values",
    "model_attributes_type": "must hold keys and values",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "greater_than": "must be more than {gt}",
    "less_than": "must be less than {lt}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
}
"""Words by the kind of complaint; in braces what the rule says."""
_NONE: Mapping[str, str] = {}


def explain(error: ValidationError, forms: Mapping[str, str] = _NONE, whole: str = "") -> str:
    """The first complaint of a validation in one line: which field, what is wrong with it.

    `forms` are words for patterns of the caller's own, `whole` what a complaint about no single field begins with.
    """
    first = error.errors(include_url=False)[0]
    field = place(error)
    words = _words(first["type"], first.get("ctx", {}), first["msg"], {**_FORMS, **forms})
    if not field and first["type"] in ("model_type", "model_attributes_type", "dict_type", "mapping_type"):
        return "is empty, or holds something else than keys and values"
    return f"{field or whole}: {words}" if field or whole else words


def place(error: ValidationError) -> str:
    """The field that the first complaint is about, with dots between its parts; empty for the whole."""
    return ".".join(str(part) for part in error.errors(include_url=False)[0]["loc"])


def _words(kind: str, rule: Mapping[str, Any], said: str, forms: Mapping[str, str]) -> str:
    if kind in ("value_error", "assertion_error"):  # a rule of ours speaks for itself
        return str(rule.get("error", said)).removeprefix("Value error, ")
    if kind == "string_pattern_mismatch":
        return f"must be {forms.get(str(rule.get('pattern')), 'of the form ' + str(rule.get('pattern')))}"
    if kind in _WORDS:
        return _WORDS[kind].format(**rule)
    return "has a form that is not allowed here"
