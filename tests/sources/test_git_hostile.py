"""Commits that nobody should have made: any bytes, any date, any size. They cost a count or a mark, never the run."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.canonical import is_clean
from ledger.core.errors import SourceError
from ledger.core.sealing import Provenance, seal
from ledger.sources import git_history
from ledger.sources.git_history import LONGEST_TEXT, shown_text
from ledger.sources.git_repository import Repository
from tests.sources.gitworld import GitWorld
from tests.sources.test_git import NOW, Run, account, collect

PERSON = b"Ann <ann@example.org> 1767700000 +0000\n"
COMMITTER = b"committer C <c@example.org> 1767700000 +0000\n"
PROVENANCE = Provenance("00000000-0000-4000-8000-000000000001", "default", "git", "1", NOW, NOW)


@pytest.fixture
def world(tmp_path: Path) -> GitWorld:
    return GitWorld(tmp_path / "repo")


def sealed(run: Run) -> Run:
    """Every event can be stored as it is."""
    for event in run.events:
        seal(event.id, event.artifact_url, event.event_time, event.event_type, event.metadata, event.platform_login,  # type: ignore[arg-type]
             event.platform_user_id, event.source, PROVENANCE)  # fmt: skip
    return run


@pytest.mark.parametrize(
    "date",
    [b"", b"0x10 +0000", b"-5 +0000", b"253402300800 +0000", b"99999999999999999999999 +0000", b"never", b"1e9 +0000"],
)
def test_a_date_that_no_time_can_name_leaves_the_commit_out_and_counts_it(
    world: GitWorld, tmp_path: Path, date: bytes
) -> None:
    good = world.commit("2026-01-06")
    oid = world.write(good)
    parent = b"parent " + oid.encode() + b"\n"
    world.raw_commit(parent + b"author Ann <ann@example.org> " + date + b"\n" + COMMITTER + b"\nwork\n")
    run = sealed(collect(tmp_path))
    assert run.ids == [f"git:commit:{oid}"]
    assert sum(run.last.counts.values()) == 1


def test_messages_of_any_bytes_become_clean_titles(world: GitWorld, tmp_path: Path) -> None:
    messages = [
        b"\x1b]0;title\x07 ESC and BEL\r\n\r\nbody",
        b"\xff\xfe not UTF-8 \xc3\x28",
        b"",
        b"\n\n\n",
        b"x" * 1_000_000,
        b"caf\xe9",
        "\u202eright to left \U0001f600 ::set-output::".encode(),
        b"a\x85b\xe2\x80\xa8c",
    ]
    last: list[int] = []
    for number, message in enumerate(messages):
        encoding = "ISO-8859-1" if message == b"caf\xe9" else None
        last = [world.commit(f"2026-01-06T00:00:{number:02d}Z", message, *last, encoding=encoding)]
    world.write()
    titles = [str(event.metadata["title"]) for event in sealed(collect(tmp_path)).events]
    assert titles[0].startswith("\ufffd]0;title\ufffd ESC and BEL")
    assert titles[1] == "\ufffd\ufffd not UTF-8 \ufffd("
    assert titles[2:4] == ["", ""]
    assert titles[4] == "x" * LONGEST_TEXT
    assert titles[5] == "café"
    assert len(titles) == len(messages)


def test_a_message_with_a_nul_cannot_shift_what_is_read_after_it(world: GitWorld, tmp_path: Path) -> None:
    oid = world.write(world.commit("2026-01-06"))
    body = b"cut\0" + b"0" * 40 + b"\0\x001767700000\0evil@example.org\0evil@example.org\0Evil\0forged\0\0"
    hostile = world.raw_commit(b"parent " + oid.encode() + b"\nauthor " + PERSON + COMMITTER + b"\n" + body)
    run = sealed(collect(tmp_path))
    assert sorted(run.ids) == sorted(f"git:commit:{each}" for each in (oid, hostile))
    assert {event.platform_user_id for event in run.events} == {account("ann@example.org")}


def test_names_and_addresses_of_any_bytes_are_kept_apart_and_hashed(world: GitWorld, tmp_path: Path) -> None:
    authors = [
        ("", "nameless@example.org"),
        ("No address", ""),
        ("\x1b[31mRed\x07", "red@example.org"),
        ("\udcff\udcfe", "bytes\udcff@example.org"),
        ("Ünï", "ünï@exämple.org"),
        ("x" * 5000, "long@example.org"),
    ]
    last: list[int] = []
    for number, author in enumerate(authors):
        last = [world.commit(f"2026-01-06T00:00:{number:02d}Z", "w", *last, author=author)]
    world.write()
    events = sealed(collect(tmp_path)).events
    logins = [event.platform_login for event in events]
    assert logins == [None, "No address", "\ufffd[31mRed\ufffd", "\ufffd\ufffd", "Ünï", "x" * LONGEST_TEXT]
    assert events[4].platform_user_id == account("ünï@exämple.org")
    assert len({event.platform_user_id for event in events}) == len(authors)


def test_a_flood_of_trailers_is_read_and_each_address_counts_once(world: GitWorld, tmp_path: Path) -> None:
    lines = [f"Co-authored-by: P{n} <p{n % 500}@example.org>" for n in range(5000)]
    lines += ["Co-authored-by: <>", "Co-authored-by: a <b> <c@d>", "Co-authored-by: \x1b <e@f>", "Co-authored-by:"]
    world.commit("2026-01-06", "w\n\n" + "\n".join(lines) + "\n")
    world.write()
    run = sealed(collect(tmp_path))
    assert len(run.events) == 1 + 500 + 3
    assert (run.last.counts["coauthors"], run.last.counts["coauthors_without_address"]) == (503, 2)


def test_a_trailer_folded_over_lines_is_one_person(world: GitWorld, tmp_path: Path) -> None:
    world.commit("2026-01-06", "w\n\nCo-authored-by: Ben\n  <ben@example.org>\n")
    world.write()
    assert [event.platform_login for event in collect(tmp_path).events] == ["Ann", "Ben"]


@pytest.mark.parametrize("content", ["\x00\x00", "<<<>>>\n<a\n", "A <a@x> B <b@x> C <c@x>\n" * 1000, "\n# only this\n"])
def test_a_mailmap_of_any_content_does_not_stop_the_run(world: GitWorld, tmp_path: Path, content: str) -> None:
    message = "w\n\nCo-authored-by: Ben <ben@example.org>\n"
    world.commit("2026-01-06", message, files={".mailmap": content})
    world.write()
    assert [event.platform_login for event in sealed(collect(tmp_path)).events] == ["Ann", "Ben"]


@given(st.binary(max_size=400))
def test_any_bytes_become_text_that_may_be_stored(raw: bytes) -> None:
    text = shown_text(raw)
    assert is_clean(text) and len(text) <= LONGEST_TEXT
    assert shown_text(text.encode()) == text


@given(st.text(max_size=300), st.from_regex(r"[a-z0-9.+]{1,30}@[a-z0-9]{1,20}\.[a-z]{2,5}", fullmatch=True))
def test_no_address_survives_in_text(around: str, address: str) -> None:
    assert address not in shown_text(f"{around} {address} {around}".encode("utf-8", "replace"))


@given(st.binary(max_size=60))
def test_an_answer_of_git_in_another_form_is_an_error_and_no_commit(answer: bytes) -> None:
    class Odd(Repository):
        def stream(self, *arguments: str, settings: object = None):  # type: ignore[no-untyped-def,override]
            yield answer

    repository = Odd(Path(), "repo", {})
    if not answer:
        assert git_history.read_history(repository, "0" * 40, lambda _text: False).commits == []
        return
    with pytest.raises(SourceError):
        git_history.read_history(repository, "0" * 40, lambda _text: False)
