"""What a curator does: the pull request's text, comments under it, and the ledger's answers; no terminal, no file."""

from __future__ import annotations

import re
from pathlib import Path

from tests.forge.test_clone import git
from tests.forge.test_loop import Town, founded


class Curator:
    """Cy's browser: what the pull request shows, and a box to write in."""

    def __init__(self, town: Town, number: int) -> None:
        self.town, self.number, self.minute = town, number, 0

    def body(self) -> str:
        text: str = self.town.hub.pull(self.number).body
        return text

    def says(self, body: str) -> str:
        """Comment, a minute after the last one; returns what was answered."""
        self.minute += 1
        self.town.hub.now = time = f"2026-01-13T06:{self.minute:02d}:00Z"
        before = len(self.town.said(self.number))
        self.town.hub.comment(self.number, "cy", body)
        self.town.sync(time)
        (answer,) = [text for text in self.town.said(self.number)[before:] if "In answer to [this]" in text]
        return answer


def test_a_curator_decides_takes_back_and_asks_by_comments_alone_and_what_was_decided_is_what_is_signed(
    tmp_path: Path,
) -> None:
    with founded(tmp_path) as town:
        number = town.open("2026-01-13T06:00:00Z").pull
        assert number is not None
        cy = Curator(town, number)

        # The body says what there is, who did it, and by which names to speak of it.
        assert "| `alice` | 5000 | 4.000 |" in cy.body() and "| `bob` | 5000 | 4.000 |" in cy.body()
        assert "1 event of accounts that nobody claimed pays nobody" in cy.body()
        assert "Events by id, as commands name them" in cy.body() and "`/help`" in cy.body()
        events = dict(re.findall(r"^\| `(file:\S+)` \| `(\w+)` \| [0-9.]+ \|$", cy.body(), re.MULTILINE))
        (bobs,) = [event for event, who in events.items() if who == "bob"]
        (carols,) = [event for event, who in events.items() if who == "carol"]

        # What may be said, who is who, and what does an event count? Several questions fit one comment.
        said = cy.says(f"/help\n/who @bob\n/why {bobs}\n/why {carols}")
        assert "/exclude EVENT reason" in said
        assert "4.000 units, 5,000 credits. Accounts: `file:bob`" in said
        assert "It counts: 4.000 units, by policy" in said and "its account is not bound" in said

        # Each decision is answered in figures, and the body says the same.
        said = cy.says(f"Bob told me himself.\n\n/exclude {bobs} it was counted elsewhere")
        assert "`bob`: 4 → 0 units, 5,000 → 0 credits; `alice`: +5,000 credits" in said
        assert f"| `{bobs}` | `bob` | excluded |" in cy.body() and "| `alice` | 10000 | 4.000 |" in cy.body()
        assert "`bob`: 0 → 4 units, 0 → 5,000 credits; `alice`: -5,000 credits" in cy.says("/undo")
        assert "| `bob` | 5000 | 4.000 |" in cy.body()
        said = cy.says("/units @alice 5.5 the minutes of Tuesday")
        assert "`alice`: 4 → 5.5 units, 5,000 → 5,789 credits; `bob`: -789 credits" in said
        assert "| `cy` | `sets 5.500 units for` | `alice` | `the minutes of Tuesday` |" in cy.body()

        # A slip is answered with what to write, and what is not a curator's to do with whose it is.
        said = cy.says(f"/exlude {carols} x\n/pool withdraw base_issuance y\n/who alice\n/exclude {carols} who is she?")
        assert "Did you mean /exclude EVENT reason?" in said and "only an approver" in said
        assert "5.500 units, 5,789 credits" in said
        assert f"| `{carols}` | `carol` | excluded |" in cy.body() and "| `bob` | 4211 | 4.000 |" in cy.body()

        # Two approvers sign what cy left them; nothing of it is lost, and what was taken back is on record too.
        for name in ("ann", "ben"):
            town.sign(name, number)
        assert town.sync("2026-01-13T18:00:00Z").merged
        git(town.checkout, "fetch", "--quiet", "origin", "main")
        folder = "origin/main:data/epochs/default/0001"
        decided = git(town.checkout, "show", f"{folder}/curation.jsonl")
        actions = re.findall(r'"action":"(\w+)".*?"actor":"(\w+)".*?"event_id":"([^"]+)"', decided)
        assert actions == [("exclude", "cy", bobs), ("include", "cy", bobs), ("exclude", "cy", carols)]
        assert '"final_units":"5500"' in git(town.checkout, "show", f"{folder}/overrides.jsonl")
        paid = re.findall(r'"amount_credits":"(\d+)"', git(town.checkout, "show", f"{folder}/statement.json"))
        assert sorted(paid) == ["4211", "5789"]
