"""Past share-outs of SourceCred computed again from the cred scores in `output/`, bit for bit, where they can be.

Only for looking: nothing here is written, hashed or paid. Floating point on purpose, for SourceCred's own arithmetic is
that of JavaScript's doubles, which Python's are too. Scores are computed anew by each SourceCred run, so those of an
older week are usually gone: then nobody can compute it again, and the reason is told.
"""

from __future__ import annotations

import math
import zlib
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ledger.core.canonical import foreign_json
from ledger.core.errors import InputError
from ledger.imports.sourcecred import Given

SAME = "the same, bit for bit"
NO_SCORES = "the instance holds no cred scores (output/credGrainView or output/accounts.json)"
OTHER_SCORES = "the scores it came from are gone: each run computes them anew"
MERGED = "somebody in it was merged with another since, and so were their scores"
UNKNOWN = "its policy is none that SourceCred's last version has"
LARGEST = 512 * 1024 * 1024


@dataclass
class Scores:
    """Cred by identity and week. `ends` and `starts` in milliseconds, both rising."""

    starts: list[int]
    ends: list[int]
    cred: dict[str, list[float]]
    earned: dict[str, list[tuple[int, int]]] = field(default_factory=dict)


def read_scores(data: bytes, name: str) -> Scores:
    """The scores of `credGrainView` (packed or not) or `accounts.json`; InputError for anything else."""
    try:
        if data[:1] not in b"[{":
            packed = zlib.decompressobj()
            data = packed.decompress(data, LARGEST)
            if packed.unconsumed_tail:
                raise ValueError("larger than 512 MB")
        value = foreign_json(data)
        value = value[1] if isinstance(value, list) else value
        people = value.get("participants")
        if people is not None:
            cred = {each["identity"]["id"]: each["credPerInterval"] for each in people}
        else:
            cred = {each["account"]["identity"]["id"]: each["cred"] for each in value["accounts"]}
        weeks = value["intervals"]
        found = Scores([week["startTimeMs"] for week in weeks], [week["endTimeMs"] for week in weeks], cred)
        if any(len(each) != len(weeks) or not all(isinstance(c, int | float) for c in each) for each in cred.values()):
            raise ValueError("not a score for each week")
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, zlib.error) as error:
        raise InputError(f"holds no scores as SourceCred writes them ({error})", path=name) from None
    return found


def compute_again(given: Sequence[Given], scores: Scores | None, now: Mapping[str, str]) -> list[str]:
    """For each allocation `SAME`, or why it cannot be computed again. `now`: today's id by every id ever used."""
    found: list[str] = []
    waiting: list[tuple[str, int, int]] = []
    earned: dict[str, list[tuple[int, int]]] = {}
    line = 0
    for each in given:
        if each.line != line:  # the allocations of one distribution are computed side by side
            for who, until, amount in waiting:
                earned.setdefault(who, []).append((until, amount))
            waiting, line = [], each.line
        found.append(_again(each, scores, now, earned))
        waiting += [(now.get(who, who), each.until_ms, amount) for who, amount in each.receipts]
    return found


def _again(
    each: Given, scores: Scores | None, now: Mapping[str, str], earned: Mapping[str, list[tuple[int, int]]]
) -> str:
    policy, ids = each.policy, [who for who, _ in each.receipts]
    amounts = [amount for _, amount in each.receipts]
    kind, budget = policy["policyType"], int(policy["budget"])
    if kind == "SPECIAL":
        return SAME if each.receipts == ((policy["recipient"], budget),) else OTHER_SCORES
    if not budget and not any(amounts):
        return SAME
    if kind not in ("BALANCED", "IMMEDIATE", "RECENT"):
        return UNKNOWN
    if scores is None:
        return NO_SCORES
    if len({now.get(who, who) for who in ids}) < len(ids) or any(now.get(who, who) != who for who in ids):
        return MERGED
    if any(who not in scores.cred for who in ids):
        return OTHER_SCORES
    try:
        wanted = _receipts(kind, policy, ids, each.until_ms, budget, scores, earned)
    except (ArithmeticError, ValueError):
        return OTHER_SCORES
    return SAME if wanted == amounts else OTHER_SCORES


def _receipts(
    kind: str,
    policy: Mapping[str, Any],
    ids: Sequence[str],
    until: int,
    budget: int,
    scores: Scores,
    earned: Mapping[str, list[tuple[int, int]]],
) -> list[int]:
    last = sum(end <= until for end in scores.ends)
    lookback = {"BALANCED": policy.get("numIntervalsLookback") or 0, "RECENT": 0}.get(
        kind, policy.get("numIntervalsLookback", 1)
    )
    first = last - lookback if lookback and last > lookback else 0
    first = bisect_left(scores.starts, scores.starts[first]) if first < len(scores.starts) else first
    weeks: list[list[float]] = [scores.cred[who][first:last] for who in ids]
    if kind == "RECENT":
        keep = 1 - policy["discount"]
        decayed = []
        for week in weeks:
            value = 0.0
            for score in week:
                value = value * keep + score
            decayed.append(value)
        return split_budget(budget, decayed)
    cred = [_sum(week) for week in weeks]
    if kind == "IMMEDIATE":
        return split_budget(budget, cred)
    since = scores.starts[first] if first else -(2**62)
    before = [sum(amount for at, amount in earned.get(who, ()) if since <= at < until) for who in ids]
    per_cred = _times(sum(before) + budget, 1 / _sum(cred))
    targets = [_times(per_cred, score) for score in cred]
    return split_budget(budget, [float(max(0, a - b)) for a, b in zip(targets, before, strict=True)])


def split_budget(budget: int, scores: Sequence[float]) -> list[int]:
    """SourceCred's `splitBudget`: each his share of what is left, the last what remains. ValueError where it throws."""
    total = _sum(scores)
    if not math.isfinite(total) or total <= 0:
        raise ValueError("no positive total")
    score_left, left, pieces = total, budget, []
    for score in scores:
        if score == 0 or score_left == 0:
            pieces.append(0)
            continue
        piece = _times(left, min(1.0, score / score_left))
        left -= piece
        score_left -= score
        pieces.append(piece)
    if left > 0:
        pieces[-1] += left
    return pieces


def _times(grain: int, number: float) -> int:
    return grain if number == 1 else math.floor(float(grain) * number)


def _sum(values: Sequence[float]) -> float:
    total = 0.0
    for value in values:  # not `sum`, which Python 3.12 made more exact than JavaScript
        total += value
    return total
