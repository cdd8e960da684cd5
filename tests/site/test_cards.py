"""The cards of shared links: drawn here, the same everywhere, whatever names people have; none without the library."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from ledger.site import cards
from ledger.site.sharing import Shared
from ledger.site.templates import templates_folder
from ledger.site.views import EpochRow
from tests.browser.sites import HOSTILE

FONT = templates_folder() / "cards/Inter-SemiBold-latin.ttf"
ROW = EpochRow(
    "default", 12, "finalized", "2026-03-23", "2026-03-30", 1234, 5, 10_000, 10_000, 0, True, 2, 2, 0, 0
)  # fmt: skip


def written(out: Path, rows: list[EpochRow], name: str = "Open Harbour") -> tuple[dict[str, str], list[str]]:
    said: list[str] = []
    return cards.write_cards(out, FONT, "#1d4e5f", name, {"default": name}, rows, said.append), said


def test_a_card_says_what_its_page_is_about() -> None:
    svg = ET.fromstring(cards.epoch_card("#1d4e5f", "Open Harbour", "Harbour", ROW))  # noqa: S314 - made here
    assert [one.text for one in svg.iter("{http://www.w3.org/2000/svg}text")] == [
        "Open Harbour · Harbour",
        "Epoch 12",
        "10,000 credits for 5 people",
        "2026-03-23 to 2026-03-30 · final · anyone can recompute it",
    ]


@pytest.mark.parametrize("text", [*HOSTILE, "秋葉", "Dário & Ñandú", "", "&#0;", "a" * 500])
def test_whatever_a_name_is_a_card_holds_it_as_text_or_tells_the_id(text: str, tmp_path: Path) -> None:
    svg = cards.epoch_card("#1d4e5f", text, text, ROW)
    (first, *_) = ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")  # noqa: S314 - made here
    assert first.text == f"{cards.told(text, 'Contribution ledger')} · {cards.told(text, 'default')}"
    assert len(cards.told(text, "default")) <= 26
    assert svg.count("<") == 14
    found, _ = written(tmp_path / "cards", [ROW], text)
    assert (tmp_path / found["epochs/default/12"]).read_bytes().startswith(b"\x89PNG\r\n")
    assert cards.told("秋葉", "default") == "default"


def test_cards_are_small_the_same_twice_and_only_those_of_the_newest_epochs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards, "MOST_CARDS", 3)
    rows = [replace(ROW, epoch_id=number, start=f"2026-01-{number:02d}") for number in range(1, 21)]
    found, _ = written(tmp_path / "one/cards", rows)
    again, _ = written(tmp_path / "two/cards", rows)
    assert found == again
    assert found.keys() == {".", *(f"epochs/default/{number}" for number in (18, 19, 20))}
    for card in found.values():
        data = (tmp_path / "one" / card).read_bytes()
        assert data == (tmp_path / "two" / card).read_bytes()
        assert len(data) < 25_000
        assert (int.from_bytes(data[16:20]), int.from_bytes(data[20:24])) == cards.SIZE


def test_without_the_library_there_are_no_cards_and_a_word_about_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(cards, "import_module", missing)
    assert written(tmp_path / "cards", [ROW]) == ({}, [cards.MISSING])
    assert not (tmp_path / "cards").exists()
    assert "og:image" not in Shared("x", "https://ledger.example/", {}).tags("t", "a", "paid")


def test_a_page_names_its_own_card_or_that_of_the_ledger_by_the_whole_address() -> None:
    made = {".": "cards/home.png", "epochs/default/12": "cards/default/12.png"}
    shared = Shared("x", "https://ledger.example/sub/", made)
    own, other = (shared.tags('"t"', "a", path) for path in ("epochs/default/12", "paid"))
    assert '<meta property="og:image" content="https://ledger.example/sub/cards/default/12.png">' in own
    assert '<meta property="og:image:alt" content="&quot;t&quot;: a">' in own
    assert '<meta name="twitter:image" content="https://ledger.example/sub/cards/home.png">' in other
    assert "og:image" not in Shared("x", "", made).tags("t", "a", "paid")
