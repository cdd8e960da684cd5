"""What waits on disk comes back as it was, by person and epoch, whichever process laid it aside."""

from __future__ import annotations

from array import array
from pathlib import Path

import pytest

from ledger.core.canonical import decode, encode
from ledger.site.api_epoch import allocation_line, share_line
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
    share = {
        "activity_count": 3,
        "amount_credits": "7",
        "award_credits": "0",
        "corrected_credits": None if text is None else "5",
        "final_units": None if text is None else "4",
        "override_reason": text,
        "proposed_units": "1",
        "share": None if text is None else "0.500000",
        "share_credits": "7",
        "units": "4",
    }
    line = share_line(share, 9, "2026-01-05T00:00:00.000Z", "default", "finalized").encode()
    epoch = {"epoch_id": 9, "period_start": "2026-01-05T00:00:00.000Z", "scope_id": "default", "state": "finalized"}
    assert decode(line, len(line)) == {**epoch, **share}
    assert encode({**epoch, **share}) == line
    name, user_id = text or "ann", "11111111-1111-4111-8111-111111111111"
    assert encode({**share, "name": name, "user_id": user_id}) == allocation_line(share, name, user_id).encode()
