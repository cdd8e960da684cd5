"""Routes are judged before anything is read: a rule that no source can answer would silently let nothing in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ledger.core.config import ScopeSettings, Settings, SourceSettings
from ledger.core.errors import ConfigError
from ledger.core.routing import Facets, claimants, restricted
from ledger.sources.port import Source
from ledger.sources.registry import source_class


def options_of(scope: ScopeSettings, entry: SourceSettings) -> tuple[type[Source], Settings]:
    """A configured source's class and its options; ConfigError names the scope's file."""
    kind = source_class(entry.source)
    return kind, kind.Options.load(entry.options, f"scopes/{scope.scope_id}.yaml")


def check_routes(scopes: Sequence[ScopeSettings], kind: str) -> None:
    """Every source that reads the same place must tell what any scope's routes for `kind` ask about it.

    Else a scope that knows less would take another's claim on an event's plain id for its own. Raises ConfigError.
    """
    read = [
        (scope, entry, adapter.origins(options), adapter.facets(options))
        for scope in scopes
        for entry in scope.sources
        if entry.source == kind
        for adapter, options in (options_of(scope, entry),)
    ]
    for asking in scopes:
        mine = frozenset().union(*(origins for scope, _, origins, _ in read if scope is asking))
        asked = {name for route in asking.routing if route.source == kind for name in restricted(route)}
        for scope, entry, origins, told in read:
            if mine & origins and asked - told:
                raise ConfigError(
                    f"routing asks for {', '.join(sorted(asked - told))}, which source {entry.name!r} ({kind}) of "
                    f"scope {scope.scope_id} does not tell",
                    path=f"scopes/{asking.scope_id}.yaml",
                    hint=f"It tells: {', '.join(sorted(told)) or 'nothing'}. A source `github` tells paths once its "
                    "options say `paths: true`; each one that reads the same repository must.",
                )


class Claims:
    """Which scopes claim the events that one source brings; each combination of facets is decided once.

    `mine` is what the source reads, `origins` says the same of any configured source of any scope.
    """

    def __init__(
        self,
        scopes: Sequence[ScopeSettings],
        kind: str,
        mine: frozenset[str],
        origins: Callable[[ScopeSettings, SourceSettings], frozenset[str]],
    ) -> None:
        self._scopes, self._kind = scopes, kind
        self._shared = {
            id(entry)
            for scope in scopes
            for entry in scope.sources
            if entry.source == kind and origins(scope, entry) & mine
        }
        self._known: dict[object, list[str]] = {}

    def of(self, facets: Facets) -> Sequence[str]:
        """The claimants, the one first that keeps the plain id."""
        key = tuple(sorted(facets.items()))
        if key not in self._known:
            self._known[key] = claimants(self._scopes, self._kind, facets, lambda entry: id(entry) in self._shared)
        return self._known[key]
