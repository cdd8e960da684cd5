"""The picture that a chat shows beside a link: an SVG of ours drawn as PNG while the site is built, by no service.

One font comes along and none of the machine's is used, so that a card is the same everywhere. A name with letters that
the font has not is told by its id instead. Without the library there are no cards, and all else is as it was.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from ledger.site.views import EpochRow
from ledger.site.words import number

FOLDER = "cards"
SIZE = (600, 315)
"""Pixels: the least of which chats make a large picture."""
MOST_CARDS = 52
"""Epochs that have a card, the newest of the node; an older one has that of the ledger. A card takes 12 ms."""
MISSING = "shared links show no cards: pip install 'contribution-ledger[cards]'"
_KNOWN = re.compile("[ -~\u00a0-\u00ac\u00ae-\u0148\u014a-\u017f\u2010-\u2026\u20ac\u2212]*")
_LONGEST = 26
"""Letters on a line in the largest size; what is wider all the same ends at the card's edge."""
_STATES = {"open": "still open", "review": "in review", "finalized": "final"}


def told(name: str, instead: str) -> str:
    """A name as a card can show it: on one line and cut, or `instead` where the font lacks a letter of it."""
    one = " ".join(name.split())
    if not one or not _KNOWN.fullmatch(one):
        one = instead
    return one if len(one) <= _LONGEST else f"{one[: _LONGEST - 1].rstrip()}…"


def card_svg(colour: str, ledger: str, title: str, figures: str, below: str) -> str:
    """A card. Every text may be from outside."""
    width, height = SIZE  # drawn on 800 by 420
    lines = ((24, 78, ledger), (58, 190, title), (32, 256, figures), (22, 372, below))
    texts = "".join(f'<text x="48" y="{y}" font-size="{size}">{html.escape(text)}</text>' for size, y, text in lines)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 800 420">'
        f'<rect width="800" height="420" fill="{colour}"/><rect x="48" y="316" width="704" height="2" '
        f'fill="#fff" opacity=".4"/><g font-family="Inter" font-weight="600" fill="#fff">{texts}</g></svg>'
    )


def epoch_card(colour: str, ledger: str, scope: str, row: EpochRow) -> str:
    """The card of an epoch."""
    who = f"{number(row.people)} {'person' if row.people == 1 else 'people'}"
    credits = f"{number(row.allocated)} {'credit' if row.allocated == 1 else 'credits'}"
    window = f"{row.start} to {row.end} · {_STATES[row.state]} · anyone can recompute it"
    first = f"{told(ledger, 'Contribution ledger')} · {told(scope, row.scope_id)}"
    return card_svg(colour, first, f"Epoch {row.epoch_id}", f"{credits} for {who}", window)


def home_card(colour: str, ledger: str, rows: Iterable[EpochRow]) -> str:
    """The card of everything else."""
    final = [row for row in rows if row.state == "finalized"]
    epochs = f"{number(len(final))} final {'epoch' if len(final) == 1 else 'epochs'}"
    events = sum(row.activity_count for row in final)
    figures = f"{epochs}, {number(events)} {'event' if events == 1 else 'events'}"
    return card_svg(
        colour, "Contribution ledger", told(ledger, "Contribution ledger"), figures,
        "Who did what, how it was valued, who gets which part",
    )  # fmt: skip


def write_cards(
    out: Path,
    font: Path,
    colour: str,
    ledger: str,
    scopes: Mapping[str, str],
    rows: Iterable[EpochRow],
    tell: Callable[[str], None],
) -> dict[str, str]:
    """The cards into `out`, a folder of their own; returns the card of each page that has one, by the page's place.

    `scopes`: names by id. The card of the place `.` is for every page without one.
    """
    try:
        draw: Any = import_module("resvg_py").svg_to_bytes
    except ImportError:
        tell(MISSING)
        return {}
    rows = list(rows)
    newest = sorted(rows, key=lambda row: (row.start, row.scope_id, row.epoch_id))[-MOST_CARDS:]
    svgs = {".": (home_card(colour, ledger, rows), "home.png")}
    for row in newest:
        svg = epoch_card(colour, ledger, scopes.get(row.scope_id, row.scope_id), row)
        svgs[row.path.rstrip("/")] = (svg, f"{row.scope_id}/{row.epoch_id}.png")
    found = {}
    for place, (svg, name) in svgs.items():
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(bytes(draw(svg_string=svg, skip_system_fonts=True, font_files=[str(font)])))
        found[place] = f"{FOLDER}/{name}"
    return found
