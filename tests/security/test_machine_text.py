"""What the ledger writes where GitHub acts on words (titles, commit messages) holds machine values only.

`closes #1`, `[skip ci]`, `Co-authored-by:` and `@everyone` work wherever they stand in a title or a message; nothing
that people wrote gets there.
"""

from __future__ import annotations

import re

from ledger.forge.body import pull_title
from tests.core.samples import record
from tests.forge.test_loop import OPEN, REVIEW, SOON, Town, git, town  # noqa: F401 (a fixture)

WORDS = r"Epoch [a-z0-9-]{1,63}/[1-9][0-9]*"
TITLE = re.compile(WORDS + r": \d{4}-\d\d-\d\d to \d{4}-\d\d-\d\d( \(#\d+\))?")
MESSAGE = re.compile(WORDS + ": (open|review|finalized)")


def test_titles_and_messages_hold_machine_values_only(town: Town) -> None:  # noqa: F811
    assert TITLE.fullmatch(pull_title(record("epoch")))
    number = town.open(OPEN).pull
    assert number is not None
    for text in ("/exclude file:work:b1 closes #1 [skip ci] @everyone", "/units alice 5000 Co-authored-by: x <x@y>"):
        town.hub.comment(number, "ann", text)
    town.open(REVIEW)
    for name in ("ann", "ben"):
        town.sign(name, number)
    git(town.checkout, "fetch", "--quiet", "origin", "epoch/default/1")
    messages = git(town.checkout, "log", "--format=%B%x00", "origin/main..FETCH_HEAD").split("\0")
    told = [message.strip() for message in messages if message.strip()]
    assert told and all(MESSAGE.fullmatch(message) for message in told), told
    town.sync(SOON)
    assert town.hub.pull(number).merged
    git(town.checkout, "fetch", "--quiet", "origin", "main")
    assert TITLE.fullmatch(git(town.checkout, "log", "-1", "--format=%B", "origin/main"))
    assert TITLE.fullmatch(town.hub.pull(number).title)
