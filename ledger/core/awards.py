"""Awards: credits for one person, paid out of the pool before it is split; the folding of `awards.jsonl`.

A top-up can so reach one person, and a fixed bonus needs no trick. Knows lines, not files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from ledger.core.errors import FormatError
from ledger.core.payout import bounded_sum
from ledger.core.records.decisions import Award
from ledger.core.values import UserId


def standing_awards(lines: Iterable[Award]) -> dict[str, Award]:
    """The awards that stand, by name, in the order of their names.

    FormatError with the line's number when a name is awarded while it stands, or cancelled while it does not.
    """
    standing: dict[str, Award] = {}
    for line in lines:
        if (line.action == "award") == (line.award in standing):
            what = "stands already" if line.action == "award" else "does not stand, so it cannot be cancelled"
            raise FormatError(f"award {line.award} {what}", rule="POOL_REPRODUCIBLE", line=line.seq)
        if line.action == "award":
            standing[line.award] = line
        else:
            del standing[line.award]
    return dict(sorted(standing.items()))


def award_credits(awards: Iterable[Award]) -> dict[UserId, int]:
    """Credits by user over awards that stand; InputError when a total leaves 64 bits."""
    credits: defaultdict[UserId, list[int]] = defaultdict(list)
    for line in awards:
        if line.user_id is not None and line.amount_credits is not None:
            credits[line.user_id].append(line.amount_credits)
    return {user: bounded_sum(amounts, "a user's awards") for user, amounts in sorted(credits.items())}
