"""`ledger demo` on real repositories: every state to be seen, the same bytes twice, days for a young history."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ledger.cli import main
from ledger.compute import settled
from ledger.compute.engine import Engine
from ledger.core.values import parse_time
from ledger.flows import demo as flow
from ledger.flows.demo import _calendar
from ledger.store import files
from tests.nodes import digest
from tests.servers.evm import chain


def repository(root: Path, commits: int, seconds_apart: int, start: int = 1_700_000_000) -> Path:
    """A real repository of three authors, made by fast-import."""
    lines = []
    for number in range(commits):
        who = f"Dev {number % 3} <dev{number % 3}@example.org> {start + number * seconds_apart} +0000"
        message = f"Change {number}\n"
        lines.append(
            f"commit refs/heads/main\nmark :{number + 1}\nauthor {who}\ncommitter {who}\ndata {len(message)}\n{message}"
        )
        if number:
            lines.append(f"from :{number}\n")
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(root)], check=True)
    subprocess.run(["git", "-C", str(root), "fast-import", "--quiet"], input="".join(lines), text=True, check=True)
    return root


def demo(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, repo: Path, out: Path, site: str = "--no-site"
) -> dict[str, Any]:
    monkeypatch.setattr(sys, "argv", ["ledger", "demo", "--repo", str(repo), "--out", str(out), site, "--json"])
    assert main() == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def states(root: Path) -> list[str]:
    logs = sorted((root / "data/epochs/default").glob("*/transitions.jsonl"))
    return [json.loads(log.read_text("utf-8").splitlines()[-1])["to"] for log in logs]


def settlements(root: Path) -> list[Any]:
    logs = sorted((root / "data/distributions/default").glob("*/settlements.jsonl"))
    assert len(logs) == 2  # a euro and a coin
    return [json.loads(line) for log in logs for line in log.read_text("utf-8").splitlines()]


def test_a_week_reads_as_many_files_however_many_were_before(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path
) -> None:
    monkeypatch.setattr(settled, "LOOSE", 2)
    counts = {"files read": 0, "logs beside": 0}
    weeks: list[dict[str, int]] = []
    read, rows, collected = files.read_beside, Engine.rows, flow.collect

    def reading(*arguments: Any) -> bytes | None:
        counts["files read"] += 1
        return read(*arguments)

    def asking(engine: Engine, name: str, **values: Any) -> Any:
        counts["logs beside"] += len(values["shards"]) if name == "same_work" else 0
        return rows(engine, name, **values)

    def collecting(*arguments: Any, **named: Any) -> Any:
        weeks.append(counts.copy())
        return collected(*arguments, **named)

    monkeypatch.setattr(files, "read_beside", reading)
    monkeypatch.setattr(Engine, "rows", asking)
    monkeypatch.setattr(flow, "collect", collecting)
    demo(monkeypatch, capsys, repository(tmp_path / "repo", 40, 4 * 86_400), tmp_path / "out")
    cost = [{name: after[name] - before[name] for name in counts} for before, after in pairwise(weeks)]
    assert len(cost) > 20
    for week in range(12, len(cost) - 4):  # after the payment in the middle, and before that at the end
        assert cost[week] == cost[week + 3], "each three weeks, what became final is looked at"
    assert max(each["logs beside"] for each in cost) <= 4


def test_where_a_development_chain_is_there_its_coin_really_moves(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path
) -> None:
    with chain() as evm:
        monkeypatch.setenv("LEDGER_RPC_URL", evm.url)
        assert demo(monkeypatch, capsys, repository(tmp_path / "repo", 12, 3 * 86_400), tmp_path / "out")["ok"]
        found = [line["evidence"] for line in settlements(tmp_path / "out") if line["evidence"]["kind"] == "evm_log"]
        assert len(found) == 3
        for evidence in found:
            mined = evm.rpc.transaction(evidence["transaction"])
            assert mined is not None
            assert mined.value > 0


def test_a_history_of_weeks_shows_every_state_and_gives_the_same_bytes_twice(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path
) -> None:
    repo = repository(tmp_path / "repo", 30, 2 * 86_400)
    first = demo(monkeypatch, capsys, repo, tmp_path / "one")
    assert (first["ok"], first["left_out"]) == (True, 0)
    found = states(tmp_path / "one")
    assert (found[:-2], found[-2:]) == (["finalized"] * (len(found) - 2), ["review", "open"])
    assert len(found) >= 8
    settled = settlements(tmp_path / "one")
    assert {(line["evidence"]["kind"], "nobody was paid" in line["evidence"]["note"]) for line in settled} == {
        ("hand", True)
    }
    demo(monkeypatch, capsys, repo, tmp_path / "two")
    assert digest(tmp_path / "one") == digest(tmp_path / "two")
    demo(monkeypatch, capsys, repo, tmp_path / "two")
    assert digest(tmp_path / "one") == digest(tmp_path / "two")


def test_a_young_history_is_shown_by_days(monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", 5, 40_000)
    for second in (2**32, 86_400):  # clocks that were wrong do not stretch it over centuries
        person = ["-c", "user.name=Dev 0", "-c", "user.email=dev0@example.org"]
        line = ["git", "-C", str(repo), *person, "commit", "-q", "--allow-empty", "-m", "stray"]
        subprocess.run([*line, f"--date=@{second} +0000"], check=True)
    made = demo(monkeypatch, capsys, repo, tmp_path / "out", site="--site")  # as README's first command runs it
    assert (made["ok"], made["left_out"]) == (True, 2)
    assert "epoch" in (Path(made["site"]) / "index.html").read_text("utf-8")
    assert "length: 1 " in (tmp_path / "out/ledger.yaml").read_text("utf-8")
    assert states(tmp_path / "out")[-2:] == ["review", "open"]
    assert len(states(tmp_path / "out")) <= 4


def test_a_folder_that_holds_something_else_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years of work", "utf-8")
    repo = repository(tmp_path / "repo", 2, 10)
    monkeypatch.setattr(sys, "argv", ["ledger", "demo", "--repo", str(repo), "--out", str(tmp_path / "mine")])
    assert main() == 3
    assert (tmp_path / "mine/thesis.txt").read_text("utf-8") == "years of work"
    assert "no earlier demonstration" in capsys.readouterr().err


@pytest.mark.parametrize("stray", ["2100-01-01", "2106-02-07", "1970-01-01", "2040-01-01"])
def test_a_date_of_a_clock_that_was_wrong_makes_no_endless_calendar(stray: str) -> None:
    days = [parse_time(f"2023-03-{day:02d}") for day in range(1, 31)] * 3
    _, windows, _ = _calendar(sorted([*days, parse_time(stray)]))
    assert (windows[0].start[:4], windows[-1].end[:4]) == ("2023", "2023")
    assert len(windows) < 40


def test_the_newest_events_of_a_slow_history_are_shown_and_a_long_pause_parts_nothing() -> None:
    busy = [parse_time(f"2023-{month:02d}-{day:02d}") for month in range(1, 13) for day in range(1, 28)] * 4
    slow = [parse_time(f"2025-{month:02d}-01") for month in (6, 9, 12)]
    _, windows, clock = _calendar(sorted([*busy, *slow * 3]))
    assert windows[0].start <= busy[0]
    assert clock > slow[-1]


def test_a_calendar_has_no_more_windows_than_its_events_are_worth() -> None:
    _, windows, _ = _calendar([parse_time("1970-01-01"), parse_time("2106-02-07")])
    assert len(windows) <= 150 + 2 * 10 + 2
