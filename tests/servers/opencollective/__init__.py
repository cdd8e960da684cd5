"""An Open Collective on loopback: the part of its published GraphQL schema (v2) that we ask, over rows in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from graphql import GraphQLError, build_schema, graphql_sync

from tests.servers.jsonserver import JsonServer

SCHEMA = build_schema("""
scalar DateTime
enum TransactionKind { CONTRIBUTION ADDED_FUNDS EXPENSE HOST_FEE }
enum TransactionType { DEBIT CREDIT }
enum OrderDirection { ASC DESC }
enum DateTimeField { CREATED_AT EFFECTIVE_DATE }
input ChronologicalOrderInput { field: DateTimeField! = CREATED_AT direction: OrderDirection! = DESC }
type Amount { valueInCents: Int currency: String }
type Account {
  id: String! slug: String! name: String isIncognito: Boolean!
  transactions(
    limit: Int! = 100, offset: Int! = 0, type: TransactionType, kind: [TransactionKind], dateFrom: DateTime,
    dateTo: DateTime, orderBy: ChronologicalOrderInput! = {field: CREATED_AT, direction: DESC}
  ): TransactionCollection!
}
type TransactionCollection { offset: Int limit: Int totalCount: Int nodes: [Transaction] }
type Transaction {
  id: String! type: TransactionType! kind: TransactionKind createdAt: DateTime isRefund: Boolean amount: Amount!
  fromAccount: Account toAccount: Account description: String
}
type Query { account(slug: String): Account }
""")


@dataclass
class Collective:
    """One collective's books: rows as the API has them, in any order. `now` is the platform's clock, in seconds."""

    slug: str
    now: int
    token: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)

    def row(self, at: int, giver: str | None, cents: int, *, refund: bool = False, **more: Any) -> dict[str, Any]:
        """Books a contribution of somebody (None: an account that is hidden), or its refund."""
        them = giver and {
            "id": f"id-of-{giver.partition(' ')[0]}",
            "slug": giver,
            "name": giver.title(),
            "isIncognito": False,
        }
        us = {"id": "id-of-us", "slug": self.slug, "name": self.slug, "isIncognito": False}
        made = {
            "id": f"tx-{len(self.rows)}", "at": at, "type": "DEBIT" if refund else "CREDIT", "kind": "CONTRIBUTION",
            "isRefund": refund, "amount": {"valueInCents": -cents if refund else cents, "currency": "EUR"},
            "fromAccount": us if refund else them, "toAccount": them if refund else us, **more,
        }  # fmt: skip
        self.rows.append(made)
        return made

    def handle(self, _path: str, headers: Mapping[str, str], body: Any) -> tuple[int, Any]:
        """One GraphQL question."""
        if self.token and headers.get("Personal-token", headers.get("Personal-Token")) != self.token:
            return 401, {"error": {"message": "Invalid personal token"}}
        made = graphql_sync(
            SCHEMA, body["query"], root_value={"account": self._account}, variable_values=body["variables"]
        )
        answer: dict[str, Any] = {"data": made.data}
        if made.errors:
            answer["errors"] = [{"message": one.message, "extensions": one.extensions} for one in made.errors]
        return 200, answer

    def _account(self, _info: Any, slug: str) -> Any:
        if slug != self.slug:
            raise GraphQLError(f"No account found with slug {slug}", extensions={"code": "NotFound"})
        return {"id": "id-of-us", "slug": slug, "isIncognito": False, "transactions": self._transactions}

    def _transactions(
        self, _info: Any, limit: int, offset: int, dateFrom: str, dateTo: str, orderBy: Any, kind: list[str]
    ) -> Any:
        held = [
            {**row, "createdAt": _iso(row["at"])}
            for row in sorted(self.rows, key=lambda row: row["at"])
            if dateFrom <= _iso(row["at"]) <= dateTo and row["kind"] in kind
        ]
        assert orderBy["direction"] == "ASC" and 1 <= limit <= 1000
        return {"totalCount": len(held), "nodes": held[offset : offset + limit]}


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def serve(collective: Collective) -> JsonServer:
    """The collective's API, to be used as `with serve(collective) as server:`."""
    return JsonServer(collective.handle, lambda: collective.now, lambda _path, _body: "transactions")
