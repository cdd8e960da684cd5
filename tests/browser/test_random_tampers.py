"""Copies of a golden epoch changed at random: what the browser finds is what `ledger verify` finds, word for word."""

from __future__ import annotations

import json
import random
import re
import shutil
from pathlib import Path
from typing import Any

from ledger.core.canonical import encode, sha256_hex
from ledger.core.records.activity import PAYLOAD_FIELDS, payload_hash
from tests.browser.support import ASSETS, needs_browser, publish, served, watched
from tests.browser.test_recheck import told, told_by_verify
from tests.nodes import WALLETS, golden_copy

pytestmark = needs_browser

COPIES = 60
RECHECK = """async (copies) => {
    const { checkEpoch } = await import("/assets/verifier/check.js");
    const { loadEpoch } = await import("/assets/verifier/load.js");
    return Promise.all(copies.map(async (copy) => {
        const read = async (path) => {
            const answer = await fetch(`/${copy}/api/v1/ledger/${path}`);
            return answer.ok ? new Uint8Array(await answer.arrayBuffer()) : null;
        };
        return (await checkEpoch(await loadEpoch(read, "default", 1, () => {}))).report;
    }));
}"""
VALUES: list[Any] = [
    *(
        "",
        "x",
        " ",
        "\u0085",
        "\u00a0",
        "\u200b",
        "\ufeff",
        "ö",
        "\u2028",
        "a\nb",
        "\x7f",
        '"\\',
        "a" * 600,
        "__proto__",
    ),
    *(0, 1, -1, 2**53 - 1, 2**53, None, True, [], {}, [1], {"a": 1}),
    *("0", "00", "-1", "9223372036854775807", "9223372036854775808", "0" * 64, "A" * 64, "0.333333", "1.0"),
    *("2026-02-29T00:00:00.000Z", "0000-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "2026-01-05T24:00:00.000Z"),
    *("default", "design", "open", "review", "finalized", "exclude", "weight", "resolve", "note", "bind", "top_up"),
    *(WALLETS["ann"], WALLETS["eve"].lower(), "0x" + "0" * 130, "00000000-0000-4000-8000-000000000000", "file:work:w1"),
]
PIECES = [b'"', b"\\", b",", b"}", b"0", b".", b"e", b" ", b"\x7f", b"\xff", b":", b"\n", b"\r\n", b"\x00", b"\xc3\xb6"]
KEYS = ["zzz", "aaa", "__proto__", "toString", "constructor", "A", "hasOwnProperty"]


def change_bytes(dice: random.Random, data: bytes) -> bytes:
    place = dice.randrange(len(data))
    end = place + dice.choice([0, 1, 1, 5, 60])
    return data[:place] + dice.choice([b"", *PIECES]) + data[end:]


def change_lines(dice: random.Random, data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    one, other = dice.randrange(len(lines)), dice.randrange(len(lines))
    cuts = [
        lines[:one],
        lines[one + 1 :],
        [*lines, lines[one]],
        [*lines[:one], lines[other], *lines[one:]],
        lines[::-1],
    ]
    return b"".join(dice.choice(cuts))


def change_field(dice: random.Random, data: bytes) -> bytes:
    """Another value, key or order somewhere in one record, written canonically and with the hashes that fit."""
    lines = data.split(b"\n")
    number = dice.randrange(len(lines) - 1)
    record = json.loads(lines[number])
    inside = [value for value in record.values() if isinstance(value, dict | list) and value]
    where = dice.choice([record, record, record, *inside])
    key = dice.choice(list(where) if isinstance(where, dict) else range(len(where)))
    if isinstance(where, dict) and dice.random() < 0.3:
        moved = where.pop(key)
        where |= dice.choice([{}, {dice.choice(KEYS): moved}])
    else:
        where[key] = dice.choice([*VALUES, *record.values()])
    if "payload_hash" in record and dice.random() < 0.7:
        record["payload_hash"] = payload_hash({name: record.get(name) for name in PAYLOAD_FIELDS})
    if isinstance(record.get("weight_config"), dict) and dice.random() < 0.7:
        record["weight_config_hash"] = sha256_hex(encode(record["weight_config"]))
    lines[number] = encode(record)
    return b"\n".join(lines)


def tamper(dice: random.Random, root: Path) -> None:
    """One or two changes to the epoch's files or to the bindings."""
    for _ in range(dice.choice([1, 1, 2])):
        folder = root / "data/epochs/default/0001"
        path = dice.choice([*sorted(folder.iterdir()), root / "data/identities.jsonl"])
        data = path.read_bytes()
        if not data or dice.random() < 0.05:
            path.write_bytes(b"")
            continue
        acts = (
            [change_bytes, change_lines] if path.suffix == ".txt" else [change_bytes, change_lines, *[change_field] * 4]
        )
        try:
            path.write_bytes(dice.choice(acts)(dice, data))
        except ValueError:  # the first change left no JSON for the second
            path.write_bytes(change_bytes(dice, data))


def in_common_words(findings: set[tuple[Any, ...]]) -> set[tuple[Any, ...]]:
    """Without the text that is no amount: Python shows it with escapes of its own."""
    return {(rule, re.sub(r"'.*' is not a whole", "'…' is not a whole", text), *rest) for rule, text, *rest in findings}


def more_lines(mine: set[tuple[Any, ...]], theirs: set[tuple[Any, ...]]) -> set[tuple[Any, ...]]:
    """Of a log that is no sequence of text lines, `ledger verify` names the lines that make it so, the browser all."""
    refused = {(rule, path) for rule, _, path, *_ in theirs if rule == "PROVENANCE_REQUIRED"}
    return {finding for finding in mine - theirs if (finding[0], finding[2]) in refused}


def test_random_changes_are_told_alike_by_both_implementations(browser: Any, tmp_path: Path) -> None:
    dice = random.Random(20261128)
    site = tmp_path / "site"
    site.mkdir()
    (site / "assets").symlink_to(ASSETS)
    (site / "empty.html").write_text("<!doctype html><meta charset=utf-8><link rel=icon href=data:,>", "utf-8")
    expected = []
    for number in range(COPIES):
        root = golden_copy(tmp_path / "node")
        tamper(dice, root)
        publish(root, site / str(number))
        expected.append(told_by_verify(root, "default", 1))
        shutil.rmtree(root)
    with served(site) as origin, watched(browser) as seen:
        seen.page.goto(f"{origin}empty.html")
        reports = seen.page.evaluate(RECHECK, [str(number) for number in range(COPIES)])
    for number, report in enumerate(reports):
        mine = {told(finding) for check in report["checks"] for finding in check["findings"]}
        assert in_common_words(mine) - more_lines(mine, expected[number]) == in_common_words(expected[number]), number
    assert sum(map(bool, expected)) > COPIES * 0.9, "hardly any change was one that can be found"
    assert len({rule for findings in expected for rule, *_ in findings}) > 12, "the changes are too much alike"
