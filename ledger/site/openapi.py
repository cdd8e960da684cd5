"""`openapi.json`: the routes of the static API and the records that they answer with (OpenAPI 3.1)."""

from __future__ import annotations

from typing import Literal

from ledger.core.config import EpochSettings, Route, SpamRule
from ledger.core.records.activity import ActivityEvent
from ledger.core.records.approvers import ApproverSet, ApproverSignature
from ledger.core.records.decisions import Binding
from ledger.core.records.epoch import AmendmentReason, Epoch
from ledger.core.records.record import Record
from ledger.core.records.statement import Statement
from ledger.core.shapes import TEXT, Schema, amounts_as_text
from ledger.core.statementlog import LogLine
from ledger.site.routes import LOGS, PARAMETERS, ROUTES, Served

RECORDS: tuple[type[Record], ...] = (
    ActivityEvent,
    AmendmentReason,
    ApproverSet,
    ApproverSignature,
    Binding,
    Epoch,
    LogLine,
    Statement,
    *(record for record, _ in LOGS.values()),
)
"""Every record that a route answers with, as it is stored."""


def openapi(node_name: str) -> Schema:
    """The document. Addresses in it are relative, so that it holds wherever the site lies."""
    return {
        "components": {"schemas": _record_schemas()},
        "info": {
            "description": "Static files, all read-only. See docs/api.md for how to check them against each other.",
            "title": f"Contribution ledger: {node_name}",
            "version": "1",
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "openapi": "3.1.0",
        "paths": {f"/{route.path}": {"get": _operation(route)} for route in ROUTES},
        "servers": [{"description": "The folder that this file lies in.", "url": "./"}],
    }


def _operation(route: Served) -> Schema:
    names = [name for name in PARAMETERS if f"{{{name}}}" in route.path]
    parameters = [{"in": "path", "name": name, "required": True, "schema": PARAMETERS[name]} for name in names]
    by_line = route.media == "application/jsonl"
    # OpenAPI 3.1 has no word for the schema of a line; 3.2 calls it itemSchema
    content = {"schema": TEXT, "x-itemSchema": route.schema} if by_line else {"schema": route.schema}
    return {
        "operationId": route.path.replace("{", "").replace("}", ""),
        "parameters": parameters,
        "responses": {"200": {"content": {route.media: content}, "description": route.summary}},
        "summary": route.summary,
    }


def _record_schemas() -> dict[str, Schema]:
    found: dict[str, Schema] = {}
    for name, model in sorted((each.__name__, each) for each in RECORDS):
        # fields of other steps are absent from a transition, so that its defaults must not count as required
        mode: Literal["validation", "serialization"] = "validation" if name == "Transition" else "serialization"
        schema = model.model_json_schema(by_alias=True, mode=mode, ref_template="#/components/schemas/{model}")
        found |= schema.pop("$defs", {})
        found[name] = schema
    for settings in (EpochSettings, Route, SpamRule):
        found[settings.__name__] = settings.model_json_schema(mode="serialization")
    return {name: amounts_as_text(schema) for name, schema in found.items()}
