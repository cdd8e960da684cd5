"""What a link to a page shows where people share it, and badges for other pages: words, an icon, endpoint JSON.

Descriptions tell figures of the record only; nothing is fetched from anybody.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ledger.core.canonical import sha256_hex
from ledger.site.cards import SIZE
from ledger.site.paid import badge
from ledger.site.views import EpochRow
from ledger.site.views_people import initials
from ledger.site.words import number

PLACE = '<meta name="ledger-shared">'
"""Where the theme wants the tags (`site_templates/theme/main.html`)."""
ABOUT = (
    "An open record of what was done, how it was valued and who gets which part of the pool; anyone can recompute it."
)
_STATES = {"open": "open", "review": "in review", "finalized": "finalized"}
_COLOURS = ("#1d4e5f", "#5b3a8c", "#8a3b12", "#0f5f3f", "#8c2f5b", "#2f4a9c", "#5f5216", "#44546a")


@dataclass(frozen=True)
class Shared:
    """The ledger's name and the site's address, empty where nobody knows it: then no tag names one."""

    site_name: str
    site_url: str
    cards: Mapping[str, str] = field(default_factory=dict)
    """The picture of a page, by the page's place; that of `.` is for all others (`cards.py`)."""

    def tags(self, title: str, about: str, path: str) -> str:
        """The tags by which a chat shows a link to the page at `path`."""
        address = f"{self.site_url.rstrip('/')}/{path}/".replace("/./", "/") if self.site_url else ""
        told = {
            "og:type": "website",
            "og:site_name": self.site_name,
            "og:title": title,
            "og:description": about,
            "og:url": address,
        }
        found = [f'<meta name="description" content="{html.escape(about)}">']
        found += [f'<meta property="{name}" content="{html.escape(text)}">' for name, text in told.items() if text]
        card = self.cards.get(path) or self.cards.get(".") if self.site_url else None
        if card is None:
            return "".join([*found, '<meta name="twitter:card" content="summary">'])
        place = html.escape(f"{self.site_url.rstrip('/')}/{card}")
        width, height = SIZE
        found.append(f'<meta property="og:image" content="{place}"><meta property="og:image:type" content="image/png">')
        found.append(f'<meta property="og:image:width" content="{width}">')
        found.append(f'<meta property="og:image:height" content="{height}">')
        found.append(f'<meta property="og:image:alt" content="{html.escape(f"{title}: {about}")}">')
        found.append(
            f'<meta name="twitter:card" content="summary_large_image"><meta name="twitter:image" content="{place}">'
        )
        return "".join(found)

    def told(self, text: str, path: str) -> str:
        """A page that the frame's builder made, with its tags in their place."""
        title = html.unescape(text.partition("<title>")[2].partition("</title>")[0])
        return text.replace(PLACE, self.tags(title, ABOUT, path), 1)


def epoch_words(row: EpochRow) -> str:
    """An epoch in a sentence or two."""
    events = f"{number(row.activity_count)} event{'' if row.activity_count == 1 else 's'}"
    people = f"{number(row.people)} {'person' if row.people == 1 else 'people'}"
    state = {
        "open": "still open: more may come",
        "review": f"in review, {row.signed} of {row.threshold} signatures",
        "finalized": f"signed by {row.signed} of {row.threshold} and final",
    }[row.state]
    return (
        f"{row.start} to {row.end}: {events}, {number(row.allocated)} credits for {people}; {state}. "
        "Every figure can be recomputed in the browser."
    )


def colour_of(node_id: str) -> str:
    """The colour of a ledger's icon and cards."""
    return _COLOURS[int(sha256_hex(node_id.encode())[:2], 16) % len(_COLOURS)]


def favicon(name: str, node_id: str) -> str:
    """The ledger's own icon: the first letters of its name on a colour that its id chooses."""
    colour = colour_of(node_id)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" '
        f'fill="{colour}"/><text x="16" y="22" text-anchor="middle" font-family="sans-serif" font-weight="700" '
        f'font-size="15" fill="#fff">{html.escape(initials(name))}</text></svg>\n'
    )


def badges(scope_id: str, rows: Sequence[EpochRow], witnesses: int) -> Iterator[tuple[str, bytes | dict[str, object]]]:
    """The scope's badges, each as a picture and as data that shields.io reads, by their place in the API."""
    final = [row for row in rows if row.state == "finalized"]
    tried = [row.ok for row in rows if row.ok is not None]
    verified = "not checked" if not tried else "no" if not all(tried) else f"{number(len(tried))} epochs"
    last = f"{rows[-1].epoch_id}, {_STATES[rows[-1].state]}" if rows else "none"
    told = {
        "verified": (verified, "red" if verified == "no" else "brightgreen" if tried else "lightgrey"),
        "last-epoch": (last, "blue"),
        "allocated": (f"{number(sum(row.allocated for row in final))} credits", "blue"),
        "witnesses": (number(witnesses), "brightgreen" if witnesses else "lightgrey"),
    }
    for name, (words, colour) in told.items():
        label = name.replace("-", " ")
        yield f"badges/{scope_id}/{name}.svg", badge(f"{label}: {words}")
        yield f"badges/{scope_id}/{name}.json", {"color": colour, "label": label, "message": words, "schemaVersion": 1}


def write_favicon(docs: Path, name: str, node_id: str) -> None:
    """Put the icon among the assets, where the frame looks for it."""
    (docs / "assets" / "favicon.svg").write_text(favicon(name, node_id), "utf-8")
