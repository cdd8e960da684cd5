"""Which scopes claim an event: routing looks at all scope files, and the first claimant keeps the plain id.

`default` comes first, then the others sorted; each further claimant gets its own event with `#<scope_id>` at the end
of the id, so that the key stays unique over the node (specification, section 3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase

from ledger.core.config import DEFAULT_SCOPE, Route, ScopeSettings, SourceSettings
from ledger.core.values import EventId

Facets = Mapping[str, tuple[str, ...]]
Delivers = Callable[[SourceSettings], bool]
"""Whether a configured source of some scope reads the place that the event came from."""

FACETS = ("repositories", "paths", "labels", "channels")


def matches(route: Route, facets: Facets) -> bool:
    """Whether every list that the route restricts has a pattern that fits one of the event's values.

    Case counts, but not in the names of repositories, where it does not on the platforms either.
    """
    for name in restricted(route):
        values, patterns = facets.get(name, ()), getattr(route, name)
        if name == "repositories":
            values, patterns = tuple(map(str.lower, values)), tuple(map(str.lower, patterns))
        if not any(fnmatchcase(value, pattern) for value in values for pattern in patterns):
            return False
    return True


def restricted(route: Route) -> tuple[str, ...]:
    """Which of its lists the route fills."""
    return tuple(name for name in FACETS if getattr(route, name))


def claims(scope: ScopeSettings, source: str, facets: Facets, delivers: Delivers) -> bool:
    """Whether `scope` reads where the event came from and its rules for that source, if any, let it in."""
    if not any(entry.source == source and delivers(entry) for entry in scope.sources):
        return False
    routes = [route for route in scope.routing if route.source == source]
    return not routes or any(matches(route, facets) for route in routes)


def claimants(scopes: Sequence[ScopeSettings], source: str, facets: Facets, delivers: Delivers) -> list[str]:
    """The scopes that claim an event, in the order that decides ids; `default` when nobody else does but it reads it.

    An empty list: no scope wants it, and it must be reported as refused.
    """
    found = [scope.scope_id for scope in scopes if claims(scope, source, facets, delivers)]
    if not found:
        found = [
            scope.scope_id
            for scope in scopes
            if scope.scope_id == DEFAULT_SCOPE
            and any(entry.source == source and delivers(entry) for entry in scope.sources)
        ]
    return sorted(found, key=lambda scope_id: (scope_id != DEFAULT_SCOPE, scope_id))


def scoped_id(event_id: str, scope_id: str, order: Sequence[str]) -> EventId:
    """The event's id in one of its claimants: plain in the first, with `#<scope_id>` in the others."""
    return EventId(event_id if order[0] == scope_id else f"{event_id}#{scope_id}")
