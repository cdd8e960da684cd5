"""Which events a run knows: those that the node held before it, and those that it took itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from ledger.compute.held import Held
from ledger.core.routing import scoped_id
from ledger.core.values import EventId


class Known:
    """The events of the node so far, asked by the ids that come: the scope that holds each, and its payload's hash."""

    def __init__(self, held: Held, scopes: Iterable[str]) -> None:
        self._held, self._scopes = held, tuple(scopes)
        self.single = len(self._scopes) == 1
        self._asked: set[str] = set()
        self._found: dict[str, dict[str, str]] = {scope_id: {} for scope_id in self._scopes}
        self._added: dict[str, dict[str, str]] = {scope_id: {} for scope_id in self._scopes}

    def look_up(self, scope_id: str, ids: Iterable[str]) -> None:
        """Ask about all these at once, which is much faster than one by one, and forget what was found before."""
        self._forget()
        self._ask(self._keys(scope_id, ids))

    def _keys(self, scope_id: str, ids: Iterable[str]) -> Collection[str]:
        """The ids under which a scope may hold events of these."""
        return set(ids) if self.single else {key for each in ids for key in (each, f"{each}#{scope_id}")}

    def _forget(self) -> None:
        self._asked.clear()
        for found in self._found.values():
            found.clear()

    def _ask(self, keys: Collection[str]) -> None:
        self._remember(keys, self._held.find(keys))

    def _remember(self, keys: Collection[str], held: Iterable[tuple[str, str, str]]) -> None:
        self._asked.update(keys)
        for scope_id, key, payload_hash in held:
            self._found[scope_id][key] = payload_hash

    def _of(self, scope_id: str, key: str) -> str | None:
        if key not in self._asked:
            self._ask({key})
        return self._added[scope_id].get(key) or self._found[scope_id].get(key)

    def get(self, key: str) -> str | None:
        """The payload's hash of an id that any scope holds."""
        if key not in self._asked:
            self._ask({key})
        for scope_id in self._scopes:
            found = self._added[scope_id].get(key) or self._found[scope_id].get(key)
            if found is not None:
                return found
        return None

    def beyond(self, scope_id: str, prefix: str, standing: Callable[[], Collection[str]]) -> list[str]:
        """The ids of a `file` source that a scope held before this run and that are none of `standing`."""
        return self._held.beyond(scope_id, prefix, standing)

    def none_of(self, scope_id: str, ids: Sequence[str]) -> bool:
        """Whether none of these is known in any form; where one is, they are looked up, as by `look_up`."""
        keys = ids if self.single else self._keys(scope_id, ids)
        held = list(self._held.find(keys))
        if not held and all(added.keys().isdisjoint(keys) for added in self._added.values()):
            return True
        self._forget()
        self._remember(keys, held)
        return False

    def add(self, scope_id: str, key: str, payload_hash: str) -> None:
        """Take an event for known from now on."""
        self._added[scope_id][key] = payload_hash

    def add_all(self, scope_id: str, keys: Iterable[str], hashes: Iterable[str]) -> None:
        """The same for events of which none has the id of another."""
        self._added[scope_id].update(zip(keys, hashes, strict=True))

    def key(self, event_id: str, scope_id: str, order: Sequence[str]) -> EventId:
        """The id under which a scope holds an event, or would.

        Claims change, for a label may be added later. So a scope keeps the id that it has, lest it hold the event
        twice; and where another one has the plain id, the scope's own goes with `#`, lest it hold it never.
        """
        if self.single:
            return EventId(event_id)
        key = scoped_id(event_id, scope_id, order)
        own = EventId(f"{event_id}#{scope_id}")
        if self._of(scope_id, event_id) is not None:
            return EventId(event_id)
        return own if self._of(scope_id, own) is not None or self.get(key) is not None else key
