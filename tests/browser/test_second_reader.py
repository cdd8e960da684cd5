"""The second implementation's parts against the first: the strict line reader, payouts and Merkle roots."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.canonical import decode, encode
from ledger.core.config import ScopeSettings
from ledger.core.errors import FormatError
from ledger.core.merkle import merkle_root
from ledger.core.payout import allocation_set_hash, payout_table
from ledger.core.spam import policy_exclusions
from ledger.core.values import MAX_AMOUNT, UserId, checksummed
from tests.browser.support import ASSETS, needs_browser, served, watched
from tests.core.samples import record
from tests.nodes import GOLDEN

pytestmark = needs_browser

DECODE = """async (lines) => {
    const { decode } = await import("/assets/verifier/canonical.js");
    return lines.map((line) => {
        try { decode(Uint8Array.from(atob(line), (one) => one.charCodeAt(0))); return null; }
        catch (error) { if (error.constructor.name !== "Refusal") throw error; return error.message; }
    });
}"""

LINES = [
    b"",
    b"{}",
    b" {}",
    b"{} ",
    b"[]",
    b"null",
    b'"text"',
    b"\xef\xbb\xbf{}",
    b'{"a":1,"b":2}',
    b'{"b":1,"a":2}',
    b'{"a":1,"a":2}',
    b'{"a":1,"\\u0061":2}',
    b'{"a":{"b":1,"b":1}}',
    b'{"a": 1}',
    b'{"a":1.0}',
    b'{"a":1.5}',
    b'{"a":1e3}',
    b'{"a":1E400}',
    b'{"a":-0}',
    b'{"a":01}',
    b'{"a":+1}',
    b'{"a":.5}',
    b'{"a":NaN}',
    b'{"a":Infinity}',
    b'{"a":-Infinity}',
    b'{"a":9007199254740991}',
    b'{"a":-9007199254740991}',
    b'{"a":9007199254740992}',
    b'{"a":9007199254740993}',
    b'{"a":' + b"9" * 5000 + b"}",
    b'{"a":"\\n"}',
    b'{"a":"\\u000a"}',
    b'{"a":"\\/"}',
    b'{"a":"\\u0041"}',
    b'{"a":"\\ud800"}',
    b'{"a":"\\\\n"}',
    b'{"a":"\\""}',
    b'{"a":"\x00"}',
    b'{"a":"\x1f"}',
    b'{"a":"\x7f"}',
    b'{"a":"\r"}',
    b'{"a":"\xc2\x85\xe2\x80\xa8"}',
    b'{"a":"\xff"}',
    b'{"a":"\xc0\xaf"}',
    b'{"a":"\xed\xa0\x80"}',
    b'{"a":"\xf4\x90\x80\x80"}',
    b'{"a":"\xe2\x82"}',
    b'{"a":"\xf0\x9f\x98\x80"}',
    b'{"a":"',
    b'{"a"',
    b'{"a":1,}',
    b'{"a":[1,]}',
    b'{"a":1}{"b":2}',
    b'{"a":tru}',
    b"{'a':1}",
    b'{"a":1}\r',
    b'{"__proto__":1,"a":2}',
    b'{"a":[true,false,null]}',
    b'{"a":' + b"[" * 40 + b"]" * 40 + b"}",
    b'{"a":"' + b"[" * 40 + b'"}',
    b"[" * 100_000,
]
SAME_WORDS = {line for line in LINES if line not in (b'{"a":1,}', b'{"a":[1,]}', b"[" * 100_000)}
"""Python's own words for a trailing comma changed between its versions; both refuse."""


PIECES = [b'"', b"\\", b",", b"{", b"}", b"0", b".", b"e", b" ", b"\x7f", b"\xff", b"\xc3\xb6", b":"]


def refusal(raw: bytes) -> str | None:
    try:
        decode(raw)
    except FormatError as error:
        return error.message
    return None


@pytest.fixture(scope="module")
def page(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder: Path = tmp_path_factory.mktemp("parts")
    (folder / "assets").symlink_to(ASSETS)
    (folder / "empty.html").write_text("<!doctype html><meta charset=utf-8><link rel=icon href=data:,>", "utf-8")
    with served(folder) as origin, watched(browser) as seen:
        seen.page.goto(f"{origin}empty.html")
        yield seen.page
        assert seen.problems == []


def asked(page: Any, lines: list[bytes]) -> list[str | None]:
    found: list[str | None] = page.evaluate(DECODE, [base64.b64encode(line).decode() for line in lines])
    return found


def test_the_reader_refuses_what_the_first_refuses_in_the_same_words(page: Any) -> None:
    found = asked(page, LINES)
    wanted = [refusal(line) for line in LINES]
    assert [text is None for text in found] == [text is None for text in wanted]
    for line, mine, theirs in zip(LINES, found, wanted, strict=True):
        if line in SAME_WORDS:
            assert mine == theirs, line[:80]


def test_the_reader_agrees_on_randomly_damaged_lines(page: Any) -> None:
    dice = random.Random(20260105)
    stored = [
        line for path in sorted((GOLDEN / "data").rglob("*.jsonl")) for line in path.read_bytes().split(b"\n")[:-1]
    ]
    lines = []
    for _ in range(3000):
        line = bytearray(dice.choice(stored))
        for _ in range(dice.choice([1, 1, 2])):
            at = dice.randrange(len(line))
            act = dice.randrange(3)
            piece = dice.choice(PIECES)
            line[at : at + (act < 2)] = piece if act else b""
        lines.append(bytes(line))
    found = asked(page, lines)
    for line, mine in zip(lines, found, strict=True):
        assert (mine is None) == (refusal(line) is None), line


AMOUNTS = st.integers(0, MAX_AMOUNT // 80) | st.integers(0, 3)


@given(
    st.dictionaries(st.uuids(version=4).map(str), AMOUNTS, max_size=30),
    st.integers(0, MAX_AMOUNT) | st.integers(0, 100),
    st.dictionaries(st.uuids(version=4).map(str), st.integers(0, 3), max_size=3),
    st.dictionaries(st.tuples(st.sampled_from(["git", "file"]), st.text("ab:~", min_size=1)), AMOUNTS, max_size=9),
)
def test_payouts_are_the_same_to_the_last_credit(
    page: Any, units: dict[str, int], pool: int, awards: dict[str, int], accounts: dict[tuple[str, str], int]
) -> None:
    """With awards of people with and without units, and shares that are held."""
    awards |= dict.fromkeys(list(units)[:2], 1)
    pool += sum(awards.values())
    if pool > MAX_AMOUNT:
        return
    found = page.evaluate(
        """async ([units, pool, awards, accounts]) => {
            const { allocationSetHash, payoutTable } = await import("/assets/verifier/payout.js");
            const table = (pairs) => new Map(pairs.map(([key, one]) => [key, BigInt(one)]));
            const waiting = accounts.map(([source, account, one]) => ({ source, account, units: BigInt(one) }));
            const { payouts, held, undistributed } = payoutTable(table(units), BigInt(pool), table(awards), waiting);
            const rows = units.map(([user_id, proposed_units]) => ({ user_id, proposed_units, final_units: null }));
            return { payouts, held, undistributed: String(undistributed), hash: allocationSetHash(rows, held) };
        }""",
        [
            [[user, str(one)] for user, one in units.items()],
            str(pool),
            [[user, str(one)] for user, one in awards.items()],
            [[source, account, str(one)] for (source, account), one in accounts.items()],
        ],
    )
    by_user = {UserId(user): one for user, one in units.items()}
    given = {UserId(user): one for user, one in awards.items()}
    table = payout_table(by_user, pool, awards=given, accounts=accounts)
    assert found["payouts"] == [line.model_dump() for line in table.payouts]
    assert found["held"] == [line.model_dump() for line in table.held]
    assert found["undistributed"] == str(table.undistributed)
    assert found["hash"] == allocation_set_hash(by_user, accounts)


def test_anti_spam_rules_leave_out_the_same_events(page: Any) -> None:
    dice = random.Random(17)
    cases = []
    for _ in range(300):
        given = [
            {
                "source": dice.choice(["discord", "discord", "file", "git"]),
                "event_types": dice.choice([[], ["message_sent"], ["reaction_added", "message_sent"]]),
                "most_per_day": dice.choice([None, 1, 2, 3]),
                "least_length": dice.choice([None, None, 5, 20]),
                "channels": dice.choice([[], [], ["7"], ["7", "8"]]),
                "reverts": dice.choice([False, True]),
                "empty": dice.choice([False, True]),
            }
            for _ in range(dice.randrange(1, 4))
        ]
        events = [
            record(
                "event",
                source=dice.choice(["discord", "discord", "discord", "file"]),
                event_type=dice.choice(["message_sent", "reaction_added"]),
                id=f"e:{number}",
                event_time=f"2026-01-0{dice.randrange(5, 8)}T00:00:{dice.randrange(4):02d}.000Z",
                platform_user_id=dice.choice("ab"),
                metadata={
                    "channel_id": dice.choice([None, "7", "8", "9"]),
                    "parent_id": dice.choice([None, None, "7", "8"]),
                    "length": dice.choice([None, 0, 4, 5, 30]),
                    "title": "",
                },
            )
            for number in dice.sample(range(100), 12)
        ]
        events += [
            record(
                "event",
                source="git",
                event_type="commit_authored",
                id=f"git:app:{number}" if number else "git",
                event_time=f"2026-01-05T00:00:{number:02d}.000Z",
                platform_user_id="a",
                metadata={
                    "empty": dice.choice([True, False, None]),
                    "reverts": dice.choice(
                        [None, 7, str(dice.randrange(9)), f"{dice.randrange(9)} {dice.randrange(9)}"]
                    ),
                    "title": "",
                },
            )
            for number in dice.sample(range(9), dice.randrange(9))
        ]
        cases.append((given, events))
    found = page.evaluate(
        """async (cases) => {
            const { scanPart } = await import("/assets/verifier/activity.js");
            const { ActivityLog } = await import("/assets/verifier/log.js");
            const { policyExclusions } = await import("/assets/verifier/spam.js");
            const { encode } = await import("/assets/verifier/canonical.js");
            const { concat, bytesOf } = await import("/assets/verifier/bytes.js");
            return cases.map(([rules, events]) => {
                const data = concat(events.flatMap((event) => [encode(event), bytesOf("\\n")]));
                const part = { name: "activity.jsonl", path: "activity.jsonl", data, torn: false };
                const log = new ActivityLog();
                log.add(part, scanPart(part, {}));
                return [...policyExclusions(rules, log.events)].sort();
            });
        }""",
        [[given, [event.model_dump() for event in events]] for given, events in cases],
    )
    for (given, events), mine in zip(cases, found, strict=True):
        rules = ScopeSettings.load({"scope_id": "default", "spam": given}, "scopes/default.yaml").spam
        assert mine == sorted(event_id for event_id, _ in policy_exclusions(rules, events))
    assert len({len(mine) for mine in found}) > 5, "the cases hardly differ"


def test_merkle_roots_of_every_small_size_are_the_same(page: Any) -> None:
    found = page.evaluate(
        """async () => {
            const { leafHash, rootOfHashes } = await import("/assets/verifier/merkle.js");
            const { bytesOf, concat, hex } = await import("/assets/verifier/bytes.js");
            const leaves = (size) => Array.from({ length: size }, (_, leaf) => leafHash(bytesOf(`line ${leaf}`)));
            return Array.from({ length: 70 }, (_, size) => hex(rootOfHashes(concat(leaves(size)))));
        }"""
    )
    assert found == [merkle_root(f"line {leaf}".encode() for leaf in range(size)) for size in range(70)]


def test_hashes_of_every_length_near_a_block_are_the_same(page: Any) -> None:
    dice = random.Random(180)
    texts = [dice.randbytes(size) for size in [*range(200), 4095, 4096, 4097, 100_003]]
    found = page.evaluate(
        """async (texts) => {
            const { sha256Hex } = await import("/assets/verifier/bytes.js");
            return texts.map((text) => sha256Hex(Uint8Array.from(atob(text), (one) => one.charCodeAt(0))));
        }""",
        [base64.b64encode(text).decode() for text in texts],
    )
    assert found == [hashlib.sha256(text).hexdigest() for text in texts]


WALKED = """async ([lines, node_id]) => {
    const { scanLines, scanPart } = await import("/assets/verifier/activity.js");
    const { bytesOf, hex, textOf } = await import("/assets/verifier/bytes.js");
    const { valuesOf } = await import("/assets/verifier/columns.js");
    const { copyPayload, fieldOf, textEnd, textStart, walkLine } = await import("/assets/verifier/plainline.js");
    const { sha256 } = await import("/assets/verifier/sha256.js");
    const epoch = { node_id, scope_id: "default", period_end: "2027-01-01T00:00:00.000Z" };
    const field = fieldOf("payload_hash");
    const both = (data) => {
        const part = { name: "activity.jsonl", path: "activity.jsonl", data, torn: false };
        const values = ([name, bytes], count) => [name, valuesOf(textOf(bytes), count)];
        const fields = ({ columns, lines }) => Object.entries(columns).map((one) => values(one, lines.length));
        const plain = (scan) =>
            JSON.stringify({ ...scan, leaves: hex(scan.leaves), lines: [...scan.lines], columns: fields(scan) });
        return [plain(scanPart(part, epoch)), plain(scanLines(part, epoch, false))];
    };
    const found = lines.map((line) => {
        const data = Uint8Array.from(atob(line) + "\\n", (one) => one.charCodeAt(0));
        const walked = walkLine(data, 0, data.length - 1);
        if (walked && textEnd(field) - textStart(field) === 64) {
            const room = new Uint8Array(data.length);
            data.set(bytesOf(hex(sha256(room, new Uint8Array(32), 0, copyPayload(data, room)))), textStart(field));
        }
        return [walked, ...both(data), data];
    });
    const all = found.filter(([, mine]) => mine.includes('"findings":[]')).flatMap(([, , , data]) => [...data]);
    return [found.map(([walked, mine, due]) => [walked, mine, due]), both(Uint8Array.from(all))];
}"""
"""Each line walked and read, with its right payload hash put in where it is walked; then all right ones as a part."""


METADATA = [
    *('{"title":"\\\\\\\\"}', '{"title":"\\\\"}'),  # first, and as long as what the first means
    *(
        "{}",
        '{"a":1,"b":true}',
        '{"b":1,"a":2}',
        '{"a":1,"a":2}',
        '{"ab":1,"a":2}',
        '{"a":1,"ab":2}',
        '{"A":1}',
        '{"":1}',
    ),
    *(
        '{"a":9007199254740991}',
        '{"a":9007199254740993}',
        '{"a":99999999999999999}',
        '{"a":-0}',
        '{"a":-1}',
        '{"a":01}',
    ),
    *(
        '{"a":-01}',
        '{"a":{}}',
        '{"a":"{"}',
        '{"a":nul}',
        '{"a":1,}',
        '{,"a":1}',
        '{"a":1.5}',
        '{"title":-7,"length":"9"}',
    ),
]


def test_lines_that_are_only_walked_come_to_what_they_come_to_when_they_are_read(page: Any) -> None:
    dice = random.Random(20261121)
    stored = [
        line
        for path in sorted((GOLDEN / "data/epochs/default").rglob("activity.jsonl"))
        for line in path.read_bytes().split(b"\n")[:-1]
    ]
    pieces = [*PIECES, b"null", b"}}", b'","', b'":"', b'"id":"x",', b'{"a":1}', b"\\n", b'\\"', b"\xef\xbb\xbf"]
    pieces += [
        b"\\\\",
        b"-",
        b"-0",
        b"-1",
        b"00",
        b"1" * 16,
        b'"b":7,',
        b'"title":true',
        b"\xe2\x80\xa8",
        b"A",
        b"receipt",
    ]
    start = next(line for line in stored if b'"metadata":{' in line)
    head, tail = start.split(b'"metadata":')[0], start[start.index(b',"node_id":') :]
    made = [head + b'"metadata":' + one.encode() + tail for one in METADATA]
    made.append(start.replace(b'"event_time":"2026', b'"event_time":"2027'))
    lines = [*made, *stored]
    for _ in range(6000):
        line = bytearray(dice.choice(stored))
        for _ in range(dice.choice([1, 1, 2])):
            at = dice.randrange(len(line))
            if dice.randrange(2):
                at = line.find(b'"metadata":') + dice.randrange(11, 90)
            end = at + dice.choice([0, 0, 1, 1, 2, 40])
            line[at:end] = dice.choice([b"", dice.choice(pieces), bytes(line[at : at + 30])])
        lines.append(bytes(line).replace(b"\n", b""))
    node_id = json.loads(stored[0])["node_id"]
    found, whole = page.evaluate(WALKED, [[base64.b64encode(line).decode() for line in lines], node_id])
    for line, (_, mine, due) in zip(lines, found, strict=True):
        assert mine == due, line
    assert whole[0] == whole[1]
    assert all(walked for walked, _, _ in found[len(made) : len(made) + len(stored)])
    damaged = [(walked, '"findings":[]' in due) for walked, _, due in found[len(made) + len(stored) :]]
    assert {(True, True), (True, False), (False, False)} <= set(damaged), "the damage is too much alike"


def test_addresses_get_the_same_checksum(page: Any) -> None:
    dice = random.Random(55)
    plain = [f"0x{dice.randrange(16**40):040x}" for _ in range(200)]
    found = page.evaluate(
        """async (all) => {
            const { checksummed } = await import("/assets/verifier/signatures.js");
            return all.map(checksummed);
        }""",
        plain,
    )
    assert found == [checksummed(address) for address in plain]


def test_canonical_text_is_written_the_same(page: Any) -> None:
    record = {"b": ["ö", 'q"\\', {"z": None, "a": True}], "a": -(2**53) + 1, "\u007e": "\u2028"}
    text = page.evaluate(
        "async (text) => (await import('/assets/verifier/canonical.js')).canonicalText(JSON.parse(text))",
        json.dumps(record),
    )
    assert text.encode() == encode(record)
