"""A statement log that went on is read on from where it stood; another one, or a wrong line, is told as ever."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ledger.core.errors import FormatError
from ledger.core.statementlog import Final, LogLine, to_log
from ledger.core.values import Hash, NodeId, ScopeId
from ledger.store import sharedlogs
from ledger.store.sharedlogs import parse_log

NODE = "11111111-1111-4111-8111-111111111111"
SCOPE = "default"


def log(count: int, of: str = "a") -> bytes:
    """A statement log of so many lines; `of`: the digit that its hashes are made of."""
    final = [
        Final("statement", f"data/epochs/default/{n:04d}/statement.json", Hash(of * 64)) for n in range(1, count + 1)
    ]
    return b"".join(line.encode() + b"\n" for line in to_log([], final, NodeId(NODE), ScopeId(SCOPE)))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of each line that is read as a record, from a process that remembers no log."""
    sharedlogs.parse_log.cache_clear()
    sharedlogs._last.cache_clear()
    seen: list[int] = []
    real = LogLine.read

    def counted(value: Mapping[str, Any]) -> LogLine:
        seen.append(value.get("seq", 0))
        return real(value)

    monkeypatch.setattr(LogLine, "read", counted)
    return seen


def test_of_a_log_that_went_on_only_what_came_is_read(read: list[int]) -> None:
    for count in (2, 3, 6, 6):
        assert [line.seq for line in parse_log(log(count), NODE, SCOPE).lines] == list(range(1, count + 1))
    assert read == [1, 2, 3, 4, 5, 6]


def test_a_shorter_or_another_log_is_read_whole(read: list[int]) -> None:
    parse_log(log(3), NODE, SCOPE)
    assert {line.hash for line in parse_log(log(4, "b"), NODE, SCOPE).lines} == {"b" * 64}
    assert len(parse_log(log(2, "b"), NODE, SCOPE).lines) == 2
    assert read == [1, 2, 3, 1, 2, 3, 4, 1, 2]


@pytest.mark.parametrize("wrong", [b"{}\n", log(5).splitlines(keepends=True)[4], log(4).splitlines()[3], b"\n"])
def test_a_wrong_line_behind_what_was_read_has_the_words_and_number_that_it_has_in_the_whole(
    read: list[int], wrong: bytes
) -> None:
    with pytest.raises(FormatError) as whole:
        parse_log(log(3) + wrong, NODE, SCOPE)
    parse_log(log(3), NODE, SCOPE)
    with pytest.raises(FormatError) as behind:
        parse_log(log(3) + wrong, NODE, SCOPE)
    assert behind.value.where == whole.value.where == "data/log/default.jsonl:4"
    assert str(behind.value) == str(whole.value)
    assert len(parse_log(log(4), NODE, SCOPE).lines) == 4, "and the next one is read all the same"
