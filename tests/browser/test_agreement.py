"""Pages that tell the same thing tell it alike: the list of epochs, an epoch's page, a person's chart, the files."""

from __future__ import annotations

import html
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

SITES = ("golden", "harbour", "hostile")


def text_of(path: Path) -> str:
    """What the article of a page says, in one line."""
    body = path.read_text("utf-8").partition("<article")[2].partition("</article>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def listed(site: Path) -> list[tuple[Path, Path, dict[str, Any]]]:
    """Of each epoch: its page, the folder of its files, and its row in the list of epochs."""
    found = json.loads((site / "epochs/list.json").read_bytes())
    return [
        (site / f"epochs/{scope}/{row[0]}/index.html", site / f"api/v1/ledger/epochs/{scope}/{row[0]}", row)
        for scope, rows in found["scopes"].items()
        for row in (dict(zip(found["columns"], each, strict=True)) | {0: each[0]} for each in rows)
    ]


@pytest.mark.parametrize("name", SITES)
def test_the_list_counts_the_people_and_the_pool_that_the_page_shares_out(sites: dict[str, Path], name: str) -> None:
    for page, files, row in listed(sites[name]):
        said = json.loads((files / "allocations.json").read_bytes())["allocations"]
        text = text_of(page)
        assert row["people"] == len(said), page
        words = r"([0-9,]+) (?:person shares|people share) a pool of ([0-9,]+) credits"
        found = [tuple(int(figure.replace(",", "")) for figure in each) for each in re.findall(words, text)]
        assert found == ([(len(said), int(row["pool"]))] if said else []), page
        if said and int(row["pool"]):
            assert any(line["amount_credits"] != "0" for line in said), f"{page}: a pool that nobody has a share of"


@pytest.mark.parametrize("name", SITES)
def test_a_persons_charts_hold_every_epoch_of_that_person(sites: dict[str, Path], name: str) -> None:
    drawn = 0
    for file in sorted((sites[name] / "api/v1/ledger/contributors").glob("*-*.json")):
        earned: dict[str, int] = defaultdict(int)
        for one in json.loads(file.read_bytes())["epochs"]:
            earned[one["scope_id"]] += int(one["corrected_credits"] or one["amount_credits"])
        page = (sites[name] / f"contributors/{file.stem}/index.html").read_text("utf-8")
        charts = re.findall(r'aria-label="Credits of this person per [a-z]+, from \S+ to \S+: ([0-9,]+) in all"', page)
        assert all(int(total.replace(",", "")) in earned.values() for total in charts), file.stem
        drawn += len(charts)
    assert drawn or name == "hostile"


@pytest.mark.parametrize("name", SITES)
def test_no_page_says_that_nobody_was_paid_nothing(sites: dict[str, Path], name: str) -> None:
    vain = re.compile(
        r"\b(?<![,.])0 (?:people|persons|credits) (?:were|was) paid|\bpaid 0 credits|\bpaid to 0 people", re.I
    )
    for page in sites[name].rglob("*.html"):
        assert vain.search(text_of(page)) is None, page
