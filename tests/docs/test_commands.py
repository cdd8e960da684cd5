"""Every command and option that a page shows exists. (What their examples print is run by the tests of each page.)"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ledger.cli.app import ledger

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted(ROOT.glob("docs/**/*.md"))]
_BLOCK = re.compile(r"^ *```(\w*)[^\n]*\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
_CALL = re.compile(r"(?:^|[\s(;&|/])ledger ((?:[a-z]|--[a-z]).*)")
_END = re.compile(r"\s(?:&&|\|\|?|;|#|>|…)(?:\s|$)")


def calls(text: str) -> Iterator[str]:
    """What follows the word `ledger` wherever a page shows a command."""
    for language, block in _BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines() if language in ("", "sh", "yaml") else ():
            yield from _CALL.findall(line.partition(" # ")[0])
    for span in _SPAN.findall(_BLOCK.sub("", text)):
        yield from _CALL.findall(span)


def unknown(call: str) -> str | None:
    """What of a call the program does not have: a command, or an option of the command that is called."""
    command: click.Command = ledger
    known = {option for parameter in ledger.params for option in parameter.opts}
    for word in _END.split(call)[0].split():
        if isinstance(command, click.Group) and not word.startswith("-"):
            found = command.get_command(click.Context(command), word.rstrip(".,:"))
            if found is None:
                return word
            command = found
            known = {"--help"}.union(*(set(each.opts) | set(each.secondary_opts) for each in command.params))
        elif (option := re.match(r"--[a-z-]+[a-z]", word)) and option[0] not in known:
            return option[0]
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_and_option_that_a_page_shows_exists(page: Path) -> None:
    assert [(call, missing) for call in calls(page.read_text("utf-8")) if (missing := unknown(call))] == []


def test_commands_are_found_in_the_pages() -> None:
    assert len({call for page in PAGES for call in calls(page.read_text("utf-8"))}) > 150
    assert unknown("verify --node PATH && ledger collect --no-such") is None
    assert unknown("identity bond") == "bond"
    assert unknown("verify --nodes") == "--nodes"
