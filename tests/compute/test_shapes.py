"""The pattern of a log's metadata holds the key lists that stand at its beginning, and none that core would refuse."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ledger.compute.engine import Engine
from ledger.compute.shapes import KEYS, OCTETS, SHAPES, common
from tests.compute.nodes import Case, event, line, write_log


def shapes(tmp_path: Path, *lines: bytes) -> re.Pattern[str]:
    log = tmp_path / "activity.jsonl"
    log.write_bytes(b"".join(lines))
    return re.compile(common([log]).shapes)


def test_metadata_with_the_keys_of_another_line_matches_whatever_its_values_are(tmp_path: Path) -> None:
    pattern = shapes(tmp_path, line(event(1, metadata={"a": 1, "b": "x"})), line(event(2, metadata={"c": None})))
    for right in ('{"a":-7,"b":true}', '{"a":"\\"\\\\","b":""}', '{"c":null}', "{}"):
        assert pattern.fullmatch(right), right
    for values in ('"b":1,"a":1', '"a":1', '"a":1,"b":1,"b":1', '"a":1,"b":1.5', '"a":1,"b":[]', '"a":1,"b":01',
                   '"a":1,"b":"\x7f"', '"a":1,"b":"\\n"', '"a":1,"b":1234567890123456', '"c":{}'):  # fmt: skip
        wrong = f"{{{values}}}"
        assert not pattern.fullmatch(wrong), wrong


def test_keys_that_core_refuses_are_not_learned(tmp_path: Path) -> None:
    right = line(event(1, metadata={"a": 1, "b": 2}))
    wrong = (
        right.replace(b'"a":1,"b":2', keys) for keys in (b'"b":2,"a":1', b'"a":1,"a":1', b'"A":1', b'"a.*":1', b'"":1')
    )
    assert shapes(tmp_path, b"\n", b"{\n", b'{"metadata":1}\n', *wrong).pattern == r"\{(?:)?\}"


def test_names_of_kinds_are_learned_where_they_are_right_for_all_three(tmp_path: Path) -> None:
    log = tmp_path / "activity.jsonl"
    log.write_bytes(
        line(event(1, event_type="vote", source="forum"))
        + line(event(2, event_type="Vote", source="a-b"))
        + line(event(3, event_type="x" * 64, source=None))
    )
    assert common([log]).names == ["vote", "forum"]


def test_the_pattern_stays_small_whatever_stands_in_the_log(tmp_path: Path) -> None:
    many = [line(event(n, metadata={f"k{n}": 1})) for n in range(3 * SHAPES)]
    assert shapes(tmp_path, *many).pattern.count('"k') <= SHAPES
    assert shapes(tmp_path, line(event(1, metadata={f"k{n}": 1 for n in range(KEYS + 1)}))).pattern == r"\{(?:)?\}"
    assert shapes(tmp_path, line(event(1, metadata={"a": "x" * OCTETS}))).pattern == r"\{(?:)?\}"


@pytest.mark.parametrize("metadata", [{"a": 1, "b": "x"}, {"other": 1}, {}, {f"k{n:03d}": n for n in range(KEYS + 9)}])
def test_a_line_is_right_whether_its_keys_were_seen_before_or_not(tmp_path: Path, metadata: dict[str, Any]) -> None:
    log = line(event(1, metadata={"a": 2, "b": "y"})), line(event(2, metadata=metadata))
    with Engine(tmp_path) as engine:
        assert engine.load(write_log(tmp_path, *log), Case().epoch).findings == ()
