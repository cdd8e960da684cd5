"""Kinds of one's own: an event that fits a rule of the scope's file gets another type, valued like any.

So a merged pull request with the label `docs` may be worth less than one without, and nobody needs a multiplier that
hides. Pure. The id stays the source's own; the first rule that fits counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import Field

from ledger.core.config import Settings
from ledger.core.values import Text
from ledger.sources.port import SourceEvent

EventType = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Pattern = Annotated[Text, Field(min_length=1)]
_FACETS = {"label": "labels", "repository": "repositories", "path": "paths", "channel": "channels",
           "emoji": "emoji", "role": "roles", "tag": "tags"}  # fmt: skip

KIND_FACETS = ("emoji", "roles", "tags")
"""What an event may tell for these rules alone, besides what routes may ask for."""


class KindAs(Settings):
    """One rule: events of the type `kind` that fit every pattern given (`*`, `?` as in a shell) get the type `as`."""

    kind: EventType
    as_: Annotated[EventType, Field(alias="as")]
    label: Pattern | None = None
    tag: Pattern | None = None
    repository: Pattern | None = None
    path: Pattern | None = None
    channel: Pattern | None = None
    emoji: Pattern | None = None
    role: Pattern | None = None

    def facets(self) -> frozenset[str]:
        """What an event must tell so that the rule can be asked."""
        return frozenset(facet for name, facet in _FACETS.items() if getattr(self, name) is not None)


def kind_of(rules: Sequence[KindAs], event: SourceEvent) -> str:
    """The type of an event by the first rule that fits it, else its own."""
    return next((rule.as_ for rule in rules if _fits(rule, event)), event.event_type)


def answerable(rules: Sequence[KindAs], told: frozenset[str]) -> None:
    """Refuse rules that ask what the source does not tell; ValueError, for a model's validator."""
    for rule in rules:
        if unknown := rule.facets() - told:
            raise ValueError(f"kinds_as asks for {', '.join(sorted(unknown))}, which this source does not tell")


def _fits(rule: KindAs, event: SourceEvent) -> bool:
    if rule.kind != event.event_type:
        return False
    for name, facet in _FACETS.items():
        pattern = getattr(rule, name)
        if pattern is None:
            continue
        values = event.facets.get(facet, ())
        if name == "repository":
            pattern, values = pattern.lower(), tuple(value.lower() for value in values)
        if not any(fnmatchcase(value, pattern) for value in values):
            return False
    return True
