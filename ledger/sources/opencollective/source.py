"""The Open Collective collector: contributions to one collective and their refunds, for those who gave.

One stream. Pages are read oldest first within a closed stretch of time, so that what is booked meanwhile moves none;
each covers up to its last row. A refund is a row of its own, booked later. Of who gave without a name (incognito, or an
account that the API hides) nothing is kept but a count. Serves ACTIVITY_IDEMPOTENT: ids are Open Collective's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from ledger.core.config import Settings
from ledger.core.errors import SourceError
from ledger.core.values import Timestamp, parse_time
from ledger.core.windows import HOUR, Window, gaps, later
from ledger.sources.address import api_address
from ledger.sources.port import Page, Raw, SourceContext, SourceEvent, StreamCursor
from ledger.sources.titles import one_line
from ledger.sources.web import Web

PUBLIC = "https://api.opencollective.com/graphql/v2"
PAGE = 100
REREADS = 3
"""How often a stretch is read anew whose number of rows changes while it is read."""
LOOK_BACK_MS = HOUR
"""How far before an uncovered stretch is read again: a row may be booked with a time shortly before."""
_RECEIVED, _REFUNDED = "contribution_received", "contribution_refunded"


class OpenCollectiveOptions(Settings):
    """An Open Collective source in a scope's file; docs/sources.md explains each option."""

    collective: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$")]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    logins: Literal["show", "hide"] = "hide"
    max_wait_seconds: Annotated[int, Field(ge=1, le=86_400)] = 900


class OpenCollectiveSource:
    """Money given to a collective on Open Collective, and given back; quantities are minor units of one currency."""

    kind: ClassVar[str] = "opencollective"
    version: ClassVar[str] = "1"
    Options: ClassVar[type[Settings]] = OpenCollectiveOptions

    def __init__(self, name: str, options: OpenCollectiveOptions, context: SourceContext) -> None:
        self.name = name
        self._options, self._context = options, context
        token = context.environ.get("OPENCOLLECTIVE_TOKEN", "")
        url = api_address(context.environ, "OPENCOLLECTIVE_API_URL", PUBLIC, PUBLIC)
        headers = {"Personal-Token": token} if token else {}
        self._web = Web(context, "Open Collective", url, float(options.max_wait_seconds), headers)

    @classmethod
    def origins(cls, options: OpenCollectiveOptions) -> frozenset[str]:
        """The collective."""
        return frozenset({f"opencollective:{options.collective}"})

    @classmethod
    def facets(cls, options: OpenCollectiveOptions) -> frozenset[str]:
        """None: routes cannot tell one contribution from another."""
        return frozenset()

    def streams(self) -> Sequence[str]:
        """One stream, named as the collective."""
        return (self._options.collective,)

    def fetch(self, stream: str, window: Window, cursor: StreamCursor) -> Iterator[Page]:
        """The rows that were booked in what is not covered yet, oldest first."""
        end = min(window.end, self._context.now())
        counts: Counter[str] = Counter()
        for target in gaps(Window(window.start, end), list(cursor.covered)) if window.start < end else []:
            yield from self._stretch(target, counts)

    def parse(self, raw: Raw) -> Iterable[SourceEvent]:
        """The one event of a row."""
        collective = self._options.collective
        yield SourceEvent(
            artifact_url=f"https://opencollective.com/{collective}/transactions?searchTerm={raw['id']}",
            event_time=Timestamp(raw["time"]),
            event_type=raw["type"],
            id=f"opencollective:transaction:{raw['id']}",
            metadata={"currency": raw["currency"], "kind": raw["kind"]},
            platform_login=raw["login"],
            platform_user_id=raw["account"],
            source=self.kind,
            quantity=raw["amount"],
        )

    def _stretch(self, target: Window, counts: Counter[str]) -> Iterator[Page]:
        since = later(target.start, -LOOK_BACK_MS) if target.start > "2015" else target.start
        for _ in range(REREADS):
            seen: set[str] = set()
            before, total = Counter(counts), None
            while True:
                rows, stated = self._page(since, target.end, len(seen))
                total = stated if total is None else total
                new = [row for row in rows if row["id"] not in seen]
                if stated != total or len(new) != len(rows) or (not rows and len(seen) < total):
                    break  # the list changed while it was read: its pages may have shifted
                seen.update(row["id"] for row in rows)
                items = [raw for row in rows if (raw := self._reduced(row, target, counts)) is not None]
                done = len(seen) >= total
                reached = until = self._until(target)
                if not done:
                    reached = min(until, parse_time(rows[-1]["createdAt"]))
                covered = Window(target.start, reached) if target.start < reached else None
                yield Page(items, self._context.now(), covered=covered, stated=total, counts=dict(counts))
                if done:
                    return
            counts.clear()
            counts.update(before)
        yield Page((), self._context.now(), gaps=("the list of transactions kept changing while it was read",))

    def _until(self, target: Window) -> Timestamp:
        """Nothing is covered beyond Open Collective's own clock."""
        return min(target.end, self._web.server_time or target.end)

    def _page(self, since: Timestamp, end: Timestamp, offset: int) -> tuple[list[Mapping[str, Any]], int]:
        variables = {"slug": self._options.collective, "from": since, "to": end, "limit": PAGE, "offset": offset}
        query = (files(__package__) / "transactions.graphql").read_text("utf-8")
        return self._web.ask("its transactions", self._checked, body={"query": query, "variables": variables})

    def _checked(self, answer: Any) -> tuple[list[Mapping[str, Any]], int]:
        if errors := answer.get("errors"):
            if any((error.get("extensions") or {}).get("code") == "NotFound" for error in errors):
                raise SourceError(
                    f"Open Collective knows no collective {self._options.collective!r}",
                    hint="`collective` is the last part of its address on opencollective.com.",
                )
            raise ValueError("partial data")
        found = answer["data"]["account"]["transactions"]
        rows, total = found["nodes"], found["totalCount"]
        if type(total) is not int or len(rows) > PAGE:
            raise ValueError("no page")
        times = [parse_time(row["createdAt"]) for row in rows]
        if times != sorted(times):
            raise ValueError("not sorted")
        for row in rows:
            givers = [one["id"] for one in (row["fromAccount"], row["toAccount"]) if one is not None]
            if type(row["amount"]["valueInCents"]) is not int or not all(map(_is_id, [row["id"], *givers])):
                raise ValueError("a row without its amount or ids")
        return list(rows), total

    def _reduced(self, row: Mapping[str, Any], target: Window, counts: Counter[str]) -> Raw | None:
        """What is kept of a row, or None, counted under the rule that leaves it out."""
        time = parse_time(row["createdAt"])
        fresh = time >= target.start  # what is read again by looking back counts once
        credit, refund = row["type"] == "CREDIT", bool(row["isRefund"])
        giver = row["fromAccount"] if credit else row["toAccount"]
        if credit == refund:  # money that goes on, or a refund that comes in: nobody's gift
            reason = "other_rows"
        elif giver is None or giver["isIncognito"]:
            reason = "givers_without_a_name"
        elif row["amount"]["currency"] != self._options.currency:
            reason = f"other_currency_{str(row['amount']['currency'])[:8].lower()}"
        elif row["amount"]["valueInCents"] == 0:
            reason = "without_an_amount"
        else:
            return {
                "account": str(giver["id"]),
                "amount": abs(row["amount"]["valueInCents"]),
                "currency": self._options.currency,
                "id": row["id"],
                "kind": str(row["kind"])[:40].lower(),
                "login": one_line(str(giver["slug"])[:100]) if self._options.logins == "show" else None,
                "time": time,
                "type": _REFUNDED if refund else _RECEIVED,
            }
        counts[reason] += fresh
        return None


def _is_id(value: object) -> bool:
    return (
        isinstance(value, str) and value.isascii() and value.isprintable() and " " not in value and 0 < len(value) < 256
    )
