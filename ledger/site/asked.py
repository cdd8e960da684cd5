"""What is asked about people while an epoch is computed or a page is written: whom it names, and what they are called.

What was made before still holds where all whom it asked about are called the same. What is asked is noted, so that no
template and no view has to say whom it may name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import NoReturn, TypeVar

from ledger.core.canonical import encode

V = TypeVar("V")


class Asked(Mapping[str, V]):
    """A mapping that notes in `keys` what it is asked about. Nobody goes through all of it."""

    def __init__(self, answers: Mapping[str, V], keys: set[str]) -> None:
        self._answers, self._keys = answers, keys

    def __getitem__(self, key: str) -> V:
        self._keys.add(key)
        return self._answers[key]

    def __contains__(self, key: object) -> bool:
        self._keys.add(str(key))
        return key in self._answers

    def __iter__(self) -> Iterator[str]:
        self._refuse()

    def __len__(self) -> int:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise TypeError("whoever goes through all names depends on all of them")


class Told:
    """What is said of people, one hash for any of them. `facts`: the mappings that are asked."""

    def __init__(self, *facts: Mapping[str, object]) -> None:
        self._facts = facts
        self._by_key: dict[str, bytes] = {}

    def of(self, keys: Iterable[str]) -> str:
        """The hash over what is said of these, in their order."""
        found = hashlib.sha256()
        for key in keys:
            said = self._by_key.get(key)
            if said is None:
                said = self._by_key[key] = encode([key, *(facts.get(key) for facts in self._facts)]) + b"\n"
            found.update(said)
        return found.hexdigest()
