"""Recover many signers at once, in several processes, before the rules ask for them one by one.

What is found is kept by `ledger.core.recover`, so that no rule knows of it and every answer is the same without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from itertools import chain, islice
from typing import TYPE_CHECKING

from ledger.compute.processes import helpers, processes
from ledger.core.errors import SignatureError
from ledger.core.recover import has_coincurve, recover_signer, remember

if TYPE_CHECKING:  # the processes need no records, whose import takes longer than a thousand signers
    from ledger.core.values import Address

Signed = tuple[str, str]
"""A text and a signature over it in normalized form."""

FEW, FEW_SLOW = 10_000, 100
"""Fewer signatures than this are recovered here: starting processes takes longer. The second, without coincurve."""
PARTS = 4
"""A process takes a part of this size of FEW at once."""


def recover_ahead(signed: Iterable[Signed]) -> int:
    """Recover each distinct pair once, and return how many were given to other processes: 0 where they are few.

    Pairs are taken one by one, so that who makes them goes on while others recover what came before; some may be left
    untaken. One without a signer is left to whoever asks for it, who then raises what is wrong with it.
    """
    pairs, few = _distinct(signed), FEW if has_coincurve() else FEW_SLOW
    cores = processes()
    first = list(islice(pairs, few)) if cores > 1 else []
    if cores < 2 or len(first) < few:
        return 0
    given = 0
    with helpers(cores) as pool:
        try:
            asked = [(part, _ask(pool, part)) for part in _parts(chain(first, pairs), -(-few // PARTS))]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        for part, answer in asked:
            with suppress(BrokenProcessPool):
                given += _keep(part, answer.result()) if answer else 0
    return given


def _keep(part: list[Signed], signers: list[Address | None]) -> int:
    for (text, signature), signer in zip(part, signers, strict=True):
        if signer is not None:
            remember(text, signature, signer)
    return len(part)


def signers_of(signed: list[Signed]) -> list[Address | None]:
    """The signer of each; None where none can be recovered."""
    found: list[Address | None] = []
    for text, signature in signed:
        try:
            found.append(recover_signer(text, signature))
        except SignatureError:
            found.append(None)
    return found


def _distinct(signed: Iterable[Signed]) -> Iterator[Signed]:
    seen = set[int]()
    for pair in signed:
        if (one := hash(pair)) not in seen:  # two that share a hash: the second is recovered when it is asked for
            seen.add(one)
            yield pair


def _parts(pairs: Iterator[Signed], size: int) -> Iterator[list[Signed]]:
    while part := list(islice(pairs, size)):
        yield part


def _ask(pool: ProcessPoolExecutor, part: list[Signed]) -> Future[list[Address | None]] | None:
    """The answer to come; None where no process can be had: then each is recovered when it is asked for."""
    with suppress(BrokenProcessPool, OSError):
        return pool.submit(signers_of, part)
    return None
