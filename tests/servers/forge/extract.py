"""Makes tests/schemas/github-rest.json from GitHub's OpenAPI description; no test runs this.

`python -m tests.servers.forge.extract api.github.com.json > github-rest.json`: of every route that the forge serves
the JSON bodies of requests and of good answers, with the schemas that these refer to. Texts for people are left out,
and `nullable` is written the way of JSON Schema.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .paths import ROUTES

_WORDS = ("description", "example", "examples", "title", "externalDocs", "deprecated", "discriminator", "nullable")


def extract(description: dict[str, Any], routes: list[tuple[str, str]]) -> dict[str, Any]:
    """The part of the description that is about `routes`: (method, template of the path)."""
    operations: dict[str, Any] = {}
    for method, template in sorted(routes):
        operation = description["paths"][template][method.lower()]
        answers = {
            status: _plain(answer.get("content", {}).get("application/json", {}).get("schema", False))
            for status, answer in operation["responses"].items()
            if status.startswith("2")
        }
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", True)
        operations[f"{method} {template}"] = {"body": _plain(body), "answers": answers}
    schemas: dict[str, Any] = {}
    wanted = set(_names(operations))
    while missing := sorted(wanted - set(schemas)):
        for name in missing:
            schemas[name] = _plain(description["components"]["schemas"][name])
            wanted |= set(_names(schemas[name]))
    return {"operations": operations, "components": {"schemas": dict(sorted(schemas.items()))}}


def _plain(schema: Any) -> Any:
    """A schema without its texts, and with null among its types where it may be."""
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _WORDS or key.startswith("x-"):
            continue
        if key in ("properties", "patternProperties"):
            kept[key] = {name: _plain(each) for name, each in value.items()}
        elif isinstance(value, list) and key in ("oneOf", "anyOf", "allOf"):
            kept[key] = [_plain(each) for each in value]
        elif key in ("items", "additionalProperties", "not"):
            kept[key] = _plain(value)
        else:
            kept[key] = value
    return {"anyOf": [kept, {"type": "null"}]} if schema.get("nullable") else kept


def _names(schema: Any) -> Iterator[str]:
    """The schemas that one refers to."""
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].rpartition("/")[2]
        for value in schema.values():
            yield from _names(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _names(value)


def main(path: str) -> None:
    """Write what the forge's routes need of the description at `path`."""
    found = extract(json.loads(Path(path).read_text("utf-8")), [(one.method, one.template) for one in ROUTES])
    sys.stdout.write(json.dumps(found, sort_keys=True, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
