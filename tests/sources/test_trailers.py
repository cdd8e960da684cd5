"""Co-authors as messages name them, one to a line or several, wherever the line stands."""

from __future__ import annotations

import subprocess

import pytest

from ledger.sources.trailers import read_coauthors
from tests.sources.gitworld import ENVIRON

ANN, BOB = ("Ann", "ann@example.org"), ("Bob", "bob@example.org")


@pytest.mark.parametrize(
    ("message", "people", "unreadable"),
    [
        ("Fix\n\nCo-authored-by: Ann <ann@example.org>\n", [ANN], 0),
        ("Fix\n\nCO-AUTHORED-BY : Ann <ann@example.org>\r\n\r\nReviewed in a call.\r\n", [ANN], 0),
        ("Fix\n\nCo-authored-by: Ann <ann@example.org>, Bob <bob@example.org>", [ANN, BOB], 0),
        ("Fix\n\nCo-authored-by: Ann < ann@example.org > and Bob <bob@example.org>.", [ANN, BOB], 0),
        ("Fix\n\nCo-authored-by: Ann <ann@example.org>;\n  Bob <bob@example.org>\nAcked-by: x", [ANN, BOB], 0),
        ("Fix\n\nCo-authored-by: Ann <ann@example.org>\nCo-authored-by: A. <ANN@example.org>", [ANN], 0),
        ("Fix\n\nCo-authored-by: Roe, Ann <ann@example.org>", [("Roe, Ann", "ann@example.org")], 0),
        ("Fix\n\nCo-authored-by: Andy <andy@example.org>", [("Andy", "andy@example.org")], 0),
        ("Fix\n\nCo-authored-by: <ann@example.org>", [("", "ann@example.org")], 0),
        ("Fix\n\nCo-authored-by: Ann", [], 1),
        ("Fix\n\nCo-authored-by: Ann, Bob and Cy", [], 3),
        ("Fix\n\nCo-authored-by: Ann <ann@example.org>, Bob", [ANN], 1),
        ("Fix\n\nCo-authored-by:", [], 1),
        ("Fix\n\nCo-authored-by: Ann <>", [], 1),
        ("Fix\n\n> Co-authored-by: Ann <ann@example.org>\n    Co-authored-by: Bob <bob@example.org>", [], 0),
        ("Say who is Co-authored-by: Ann <ann@example.org>", [], 0),
    ],
)
def test_each_person_of_a_message_is_named_or_counted(
    message: str, people: list[tuple[str, str]], unreadable: int
) -> None:
    assert read_coauthors(message) == (tuple(people), unreadable)


@pytest.mark.parametrize(
    "key",
    [
        "Co-authored-by: ", "Co-Authored-By: ", "co-authored-by:", "CO-AUTHORED-BY :\t", "Co-authored-by\t: ",
        " Co-authored-by: ", "Co-authored by: ", "Co-authored-by= ", "Co-authored-by:\n ",
    ],
)  # fmt: skip
def test_a_line_names_somebody_where_git_itself_finds_the_trailer(key: str) -> None:
    """In any case of letters, as GitHub takes it, and with what git lets stand around the colon."""
    message = f"Fix\n\nBody.\n\n{key}Ann <ann@example.org>\n"
    command = ["git", "interpret-trailers", "--parse"]
    found = subprocess.run(command, input=message, capture_output=True, check=True, text=True, env=ENVIRON).stdout
    by_git = found.lower() == "co-authored-by: ann <ann@example.org>\n"
    assert read_coauthors(message).people == ((ANN,) if by_git else ())


def test_a_hostile_message_takes_time_that_grows_with_its_length_alone() -> None:
    for filling in ("<", " <", "a", " ", ",", "< a", "\n ", "and "):
        people, _ = read_coauthors(f"x\n\nCo-authored-by: {filling * 200_000}\n")
        assert not people
