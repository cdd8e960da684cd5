"""What waits on disk comes back as it was, by person and epoch, whichever process laid it aside."""

from __future__ import annotations

from array import array
from pathlib import Path

import pytest

from ledger.core.canonical import decode, encode
from ledger.core.records.record import made
from ledger.core.records.statement import Allocation, Payout
from ledger.site.api_epoch import Shares
from ledger.site.spill import Block, ByPerson, Portions, Spill, Spilled
from tests.browser.sites import HOSTILE


def test_each_person_finds_their_lines_epoch_by_epoch(tmp_path: Path) -> None:
    spill, everybody = Spill(tmp_path), ByPerson()
    everybody.add(0, Portions.lay(spill, [("ann", b"one\ntwo\n", 2), ("ben", b"three\n", 1)]))
    (tmp_path / "another").write_bytes(b"xfour\n")  # of another process
    everybody.add(2, Portions(Block("another", 1, 5), ("ann",), array("q", [5]), array("q", [1])))
    spill.close()
    source = Spilled(tmp_path)
    assert source.lines(everybody.of("ann"), everybody.files) == [(0, b"one\ntwo\n"), (2, b"four\n")]
    assert source.lines(everybody.of("ben"), everybody.files) == [(0, b"three\n")]
    assert (everybody.count("ann"), everybody.epochs("ann"), everybody.count("eve")) == (3, 2, 0)
    assert source.lines(everybody.of("eve"), everybody.files) == []
    with pytest.raises(OSError, match="shorter"):
        source.read(Block("another", 1, 6))
    source.close()


@pytest.mark.parametrize("text", [None, *HOSTILE])
def test_a_part_of_an_epoch_is_a_canonical_line(text: str | None) -> None:
    user_id, name = "11111111-1111-4111-8111-111111111111", text or "ann"
    units = {"final_units": None if text is None else 4, "proposed_units": 1}
    (row,) = made(Allocation, [{"activity_count": 3, "override_reason": text, **units}])
    (payout,) = made(
        Payout, [{"amount_credits": 7, "award_credits": 2, "share": "0.500000", "share_credits": 5, "total_units": 4}]
    )
    share = {
        "activity_count": 3,
        "amount_credits": "0" if text is None else "7",
        "award_credits": "0" if text is None else "2",
        "corrected_credits": None if text is None else "5",
        "final_units": None if text is None else "4",
        "override_reason": text,
        "proposed_units": "1",
        "share": None if text is None else "0.500000",
        "share_credits": "0" if text is None else "5",
        "units": "1" if text is None else "4",
    }
    epoch = {"epoch_id": 9, "period_start": "2026-01-05T00:00:00.000Z", "scope_id": "default", "state": "finalized"}
    write = Shares(9, "2026-01-05T00:00:00.000Z", "default", "finalized")
    given = (None, None) if text is None else (payout, 5)
    own, line = (one.encode() for one in write.lines(user_id, name, row, *given))
    assert decode(line, len(line)) == {**epoch, **share}
    assert encode({**epoch, **share}) == line
    assert encode({**share, "name": name, "user_id": user_id}) == own


def test_a_part_of_an_epoch_by_an_award_alone_is_a_canonical_line() -> None:
    (payout,) = made(
        Payout, [{"amount_credits": 7, "award_credits": 7, "share": "0.000000", "share_credits": 0, "total_units": 0}]
    )
    for text in Shares(9, "2026-01-05T00:00:00.000Z", "default", "open").lines("ann", "Ann", None, payout, None):
        line = text.encode()
        found = decode(line, len(line))
        assert encode(found) == line
        assert (found["activity_count"], found["amount_credits"], found["units"]) == (0, "7", "0")
        assert (found["final_units"], found["override_reason"], found["corrected_credits"]) == (None, None, None)
