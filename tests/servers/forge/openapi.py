"""GitHub's OpenAPI description, as far as the forge serves it: what requests must be, and what answers are."""

from __future__ import annotations

import gzip
import json
import re
from functools import cache
from typing import Any

import jsonschema  # type: ignore[import-untyped]

from tests.servers.github.schema import SCHEMAS

NAME = "github-rest.json.gz"
TOLERATED = (
    # a pull request outlives the fork that it came from
    (re.compile(r"(\d+/)?head/(repo|user)"), "None is not of type 'object'"),
)
"""Where the description errs, by the place in an answer and what is said about it."""


@cache
def kept() -> dict[str, Any]:
    """The kept part of the description."""
    found: dict[str, Any] = json.loads(gzip.decompress((SCHEMAS / NAME).read_bytes()))
    return found


@cache
def _validator(operation: str, part: str) -> jsonschema.protocols.Validator | None:
    """Holds a request's body (`part` is body) or an answer of that status; None where nothing is described."""
    found = kept()["operations"][operation]
    schema = found["body"] if part == "body" else found["answers"].get(part)
    if schema is None or isinstance(schema, bool):
        return None
    return jsonschema.Draft202012Validator({**schema, "components": kept()["components"]})


def wrong_request(operation: str, body: Any) -> str | None:
    """What GitHub would not take in a request, in its words; None where all is well."""
    if isinstance(body, list) and operation.endswith("/labels"):
        return None  # a plain list of names, which GitHub takes and PyGithub sends, is left out of the description
    validator = _validator(operation, "body")
    for error in validator.iter_errors(body) if validator else ():
        return f"Invalid request.\n\nFor {'/'.join(map(str, error.path)) or 'the body'}, {error.message[:200]}."
    return None


def wrong_answer(operation: str, status: int, body: Any) -> list[str]:
    """In what an answer differs from the description, but for what is tolerated."""
    if status >= 300:
        known = isinstance(body, dict) and isinstance(body.get("message"), str)
        return [] if known else [f"{operation} {status}: an error without a message"]
    answers = kept()["operations"][operation]["answers"]
    if str(status) not in answers:
        return [f"{operation}: the description knows {sorted(answers)}, not {status}"]
    validator = _validator(operation, str(status))
    if validator is None:
        return [] if body is None else [f"{operation} {status}: a body where there is none"]
    found = []
    for error in validator.iter_errors(body):
        place = "/".join(map(str, error.absolute_path))
        if not any(where.fullmatch(place) and error.message == said for where, said in TOLERATED):
            found.append(f"{operation} {status}, {place or 'the whole'}: {error.message[:300]}")
    return found
