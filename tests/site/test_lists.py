"""Long lists: by year and month with quiet weeks joined, credits of two scopes apart, charts as long as the time is."""

from __future__ import annotations

import json
from collections.abc import Set
from dataclasses import replace
from datetime import date, timedelta

from ledger.site.lists import Quiet, epoch_list, epochs_json, people_list
from ledger.site.timeline import MOST_BARS, Span, percent, timeline
from ledger.site.views import EpochRow
from ledger.site.views_people import Contributor, Share


def weeks(count: int, quiet: Set[int] = frozenset(), start: date = date(2020, 1, 6)) -> list[EpochRow]:
    """Finalized weeks; those in `quiet` hold nothing."""
    return [
        EpochRow(
            "default", number, "finalized", f"{start + timedelta(7 * number - 7)}", f"{start + timedelta(7 * number)}",
            *((0, 0, 100, 0) if number in quiet else (9, 3, 100, 100)), 0, True, 1, 1, 0, 0,
        )
        for number in range(1, count + 1)
    ]  # fmt: skip


def test_a_list_of_ten_years_shows_a_line_a_year_and_every_epoch_once() -> None:
    found = epoch_list("default", "All", weeks(520))
    assert [year.name for year in found.years] == [str(year) for year in range(2029, 2019, -1)]
    assert sum(year.sums.epochs for year in found.years) == found.sums.epochs == 520
    rows = [row for year in found.years for month in year.months for row in month.lines]
    assert [row.epoch_id for row in rows if isinstance(row, EpochRow)] == list(range(520, 0, -1))


def test_quiet_weeks_one_after_another_are_one_row_and_quiet_months_one_fold() -> None:
    quiet = {3, *range(5, 8), *range(10, 40)}
    year = epoch_list("default", "All", weeks(50, quiet)).years[0]
    joined = [line for month in year.months for line in month.lines if isinstance(line, Quiet)]
    assert {row.epoch_id for line in joined for row in line.rows} == quiet - {3}
    assert "April to September" in [month.name for month in year.months]
    assert year.sums.epochs == 50
    few = epoch_list("default", "All", weeks(8)).years[0]
    assert (len(few.lines), few.months) == (8, ())


def test_a_week_that_does_not_recompute_or_is_not_final_is_never_joined_as_quiet() -> None:
    rows = weeks(6, set(range(1, 7)))
    rows[2], rows[5] = replace(rows[2], ok=False), replace(rows[5], state="open")
    lines = epoch_list("default", "All", rows).years[0].lines
    assert [line.rows[0].epoch_id if isinstance(line, Quiet) else line.epoch_id for line in lines] == [6, 5, 3, 2]


def test_the_file_beside_the_list_has_every_epoch_with_amounts_as_text() -> None:
    found = json.loads(epochs_json(weeks(3)))
    rows = [dict(zip(found["columns"], row, strict=True)) for row in found["scopes"]["default"]]
    assert [row["epoch"] for row in rows] == [3, 2, 1]
    assert (rows[0]["pool"], rows[0]["events"], rows[0]["recomputes"]) == ("100", 9, "yes")


def test_credits_of_two_scopes_are_never_added() -> None:
    one, other = weeks(1)[0], replace(weeks(1)[0], scope_id="design")
    people = [Contributor(f"{name}0000000-0000-0000-0000-000000000000", name) for name in "abc"]
    parts = ((people[0], one, 5), (people[1], one, 7), (people[2], other, 900), (people[0], other, 1))
    for person, row, credits in parts:
        person.add(Share(0, credits, "1.000000", "1.000", 1, None), row)
    people[0].add(Share(0, 50, "1.000000", "1.000", 1, None), replace(one, state="open"))
    found = people_list(people, {"default": "One", "design": "Two"})
    assert [(row.name, row.credits) for row in found.rows] == [("b", (7, 0)), ("a", (5, 1)), ("c", (0, 900))]
    assert json.loads(found.json())["columns"][4:] == ["credits:default", "credits:design"]
    five = people_list(people, {f"s{number}": "" for number in range(5)})
    assert (len(five.scopes), five.more_scopes) == (4, 1)


def test_a_bar_is_as_wide_and_as_far_from_the_next_as_its_time_is() -> None:
    spans = [Span("2026-01-01", "2026-01-11", 4, True, "one"), Span("2026-04-01", "2026-04-11", 2, False, "two")]
    chart = timeline("Credits", spans)
    assert chart is not None
    one, two = chart.marks
    assert (one.x, one.width, one.height) == (0, 8000, 100)
    assert (percent(two.x), two.width, two.height, two.final) == ("90.000%", 8000, 50, False)
    assert [tick.text for tick in chart.ticks] == ["2026-01", "2026-02", "2026-03", "2026-04"]
    assert (chart.total, chart.first, chart.last, chart.provisional) == (6, "2026-01-01", "2026-04-11", True)


def test_many_windows_are_drawn_by_month_quarter_or_year_and_nothing_is_lost() -> None:
    for count, by in ((MOST_BARS, "epoch"), (MOST_BARS + 1, "month"), (520, "quarter"), (5200, "year")):
        spans = [Span(row.start, row.end, row.allocated, True, "") for row in weeks(count)]
        chart = timeline("Credits", spans)
        assert chart is not None
        assert chart.by == by
        assert len(chart.marks) <= MOST_BARS
        assert (
            sum(int(mark.text.rpartition(": ")[2].replace(",", "")) for mark in chart.marks)
            == chart.total
            == 100 * count
        )
    assert timeline("Credits", spans[:1]) is None
