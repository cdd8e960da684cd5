"""A trial of other weights in the browser gives what the rules in Python give with those weights."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.generate import write_node
from ledger.core.config import WeightPolicy
from ledger.core.evaluate import EventOutcome, evaluate, event_outcomes
from ledger.core.pool import pool_total
from ledger.core.records.decisions import Curation
from ledger.core.records.epoch import weight_config_hash
from ledger.core.statement import split
from ledger.core.values import Hash
from ledger.flows.collect import collect
from ledger.flows.decide import curate
from ledger.flows.identity import bind
from ledger.store.yamlfile import load_yaml
from tests.browser.sites import build, rewrite
from tests.browser.support import needs_browser, publish, served, watched, write_page
from tests.nodes import GOLDEN, at, make_node

pytestmark = needs_browser

Row = tuple[str, str, str]
"""User id, milli-units, credits."""


def by_python(
    scope: str, epoch_id: int, weights: Mapping[str, int], included: Mapping[str, bool], cap: int | None
) -> list[Row]:
    """The payout table by `ledger.core`, with other weights, further decisions and a cap."""
    with at(GOLDEN, "2026-02-01") as session:
        folder = session.node.epoch(scope, epoch_id)
        epoch = folder.epoch()
        statement = folder.statement()
        assert statement is not None
        table = {**epoch.weight_config, **weights}
        epoch = epoch.model_copy(update={"weight_config": table, "weight_config_hash": weight_config_hash(table)})
        further = [
            Curation(
                **folder.place,
                seq=1,
                action="include" if wanted else "exclude",
                actor="trial",
                at=epoch.opened_at,
                event_id=event_id,
                evidence=None,
                note="trial",
                user_id=None,
                weight_override_milli=None,
            )
            for event_id, wanted in included.items()
        ]
        bindings = session.node.bindings_prefix(statement.identities.size)[1]
        outcomes = event_outcomes(epoch, list(folder.events()), bindings, [*folder.curation(), *further])
        found = evaluate(epoch, capped(outcomes, cap), folder.overrides(), Hash("0" * 64))
        paid = split(epoch, found, pool_total(folder.components()), folder.awards())
    return [(line.user_id, str(line.total_units), str(line.amount_credits)) for line in paid.payouts]


def capped(outcomes: list[EventOutcome], cap: int | None) -> list[EventOutcome]:
    """Only the first `cap` events that count for each person, in the order of the log."""
    seen: Counter[str] = Counter()
    kept = []
    for outcome in outcomes:
        if outcome.included and outcome.user_id is not None:
            seen[outcome.user_id] += 1
            if cap is not None and seen[outcome.user_id] > cap:
                continue
        kept.append(outcome)
    return kept


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    site = publish(GOLDEN, tmp_path_factory.mktemp("site"))
    for scope, epoch in (("default", 1), ("default", 2), ("default", 3), ("design", 1)):
        write_page(site, "whatif", scope, epoch)
    with served(site) as origin:
        yield origin


def shown(page: Any) -> list[list[str]]:
    rows: list[list[str]] = page.locator(".ledger-trial tbody tr").evaluate_all(
        "rows => rows.map(row => [row.querySelector('[title]').title,"
        " ...[...row.cells].map(cell => cell.textContent.replaceAll(',', ''))])"
    )
    return sorted(rows)


def milli(text: str) -> str:
    whole, _, part = text.partition(".")
    return str(int(whole) * 1000 + int(part))


def test_what_a_field_does_not_take_is_said_with_what_was_likely_meant(browser: Any, golden: str) -> None:
    with watched(browser) as seen:
        page = seen.page
        page.goto(f"{golden}whatif-default-1.html")
        page.get_by_role("button", name="Try other weights").click()
        field = page.get_by_role("textbox", name="file:design")
        for text, words in (("1.5", "1.5 units are 1500"), ("abc", "Only whole numbers"), ("-1", "Only whole numbers")):
            field.fill(text)
            said = page.locator(f"#{field.get_attribute('aria-describedby')}")
            assert words in said.inner_text()
            assert field.get_attribute("aria-invalid") == "true"
        field.fill("1500")
        assert said.inner_text() == ""
        assert field.get_attribute("aria-invalid") == "false"
        assert seen.problems == []


def test_the_table_moves_with_every_change_and_equals_the_rules(browser: Any, golden: str, tmp_path: Path) -> None:
    with watched(browser) as seen:
        page = seen.page
        page.goto(f"{golden}whatif-default-1.html")
        page.get_by_role("button", name="Try other weights").click()
        trial = page.locator(".ledger-trial")
        trial.wait_for()
        assert [(row[0], milli(row[2]), row[4]) for row in shown(page)] == by_python("default", 1, {}, {}, None)
        assert {row[6] for row in shown(page)} == {"0"}
        assert page.get_by_text("TRIAL, computed in this browser, counts for nothing.").is_visible()

        page.get_by_role("textbox", name="file:design").fill("9001")
        page.get_by_text("1 change moves").wait_for()
        assert [(row[0], milli(row[2]), row[4]) for row in shown(page)] == by_python(
            "default", 1, {"file:design": 9001}, {}, None
        )
        for row in shown(page):
            assert int(row[6]) == int(row[4]) - int(row[5])

        event = page.locator(".ledger-events input").first
        line = page.locator(".ledger-events li").first.inner_text()
        events = [json.loads(raw) for raw in (GOLDEN / "data/epochs/default/0001/activity.jsonl").open("rb")]
        assert events[0]["metadata"]["title"] in line
        was = event.is_checked()
        event.click()
        page.get_by_text("2 changes move").wait_for()
        toggled = {events[0]["id"]: not was}
        wanted = by_python("default", 1, {"file:design": 9001}, toggled, None)
        assert [(row[0], milli(row[2]), row[4]) for row in shown(page) if row[4] != "0" or row[2] != "0.000"] == [
            row for row in wanted if row[1:] != ("0", "0")
        ]

        page.get_by_role("textbox", name="At most so many events").fill("1")
        page.get_by_text("3 changes move").wait_for()
        wanted = by_python("default", 1, {"file:design": 9001}, toggled, 1)
        assert {(row[0], row[4]) for row in shown(page)} >= {(user, credits) for user, _, credits in wanted}

        (tmp_path / "policy.yaml").write_text(page.locator(".ledger-copy pre").inner_text(), "utf-8")
        policy = WeightPolicy.load(load_yaml(tmp_path, "policy.yaml"), "policy.yaml")
        assert policy.weights == {
            "file:community": 2000,
            "file:design": 9001,
            "file:governance": 4000,
            "file:operations": 3000,
        }

        page.get_by_role("button", name="Back to the official figures").click()
        page.get_by_text("Nothing is changed yet").wait_for()
        assert {row[6] for row in shown(page)} == {"0"}
        assert seen.problems == []
        assert seen.foreign(golden) == []


def test_the_weight_file_is_copied_as_it_is_shown(browser: Any, golden: str) -> None:
    with watched(browser) as seen:
        page = seen.page
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.goto(f"{golden}whatif-design-1.html")
        page.get_by_role("button", name="Try other weights").click()
        page.get_by_role("textbox", name="file:design").fill("1500")
        page.get_by_text("1 change moves").wait_for()
        page.get_by_role("button", name="Copy as weight file").click()
        page.get_by_text("Copied.").wait_for()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == "algorithm: weight-sum-v1\nweights:\n  file:design: 1500\n"


def test_a_field_that_is_no_whole_number_changes_nothing(browser: Any, golden: str) -> None:
    with watched(browser) as seen:
        page = seen.page
        page.goto(f"{golden}whatif-default-1.html")
        page.get_by_role("button", name="Try other weights").click()
        field = page.get_by_role("textbox", name="file:design")
        for text in ("1.5", "-1", "1e3", "abc", "９", "9007199254740992"):
            field.fill(text)
            assert field.get_attribute("aria-invalid") == "true"
        assert {row[6] for row in shown(page)} == {"0"}
        field.fill("1")
        assert field.get_attribute("aria-invalid") == "false"
        page.get_by_text("1 change moves").wait_for()


@pytest.mark.parametrize(("scope", "epoch"), [("default", 1), ("default", 2), ("default", 3), ("design", 1)])
def test_many_trials_equal_the_rules(browser: Any, golden: str, scope: str, epoch: int) -> None:
    dice = random.Random(f"{scope}/{epoch}")
    folder = GOLDEN / f"data/epochs/{scope}/{epoch:04d}"
    events = [json.loads(raw) for raw in (folder / "activity.jsonl").open("rb")]
    kinds = sorted({f"{event['source']}:{event['event_type']}" for event in events})
    changes = [
        {
            "weights": {kind: dice.choice([0, 1, 999, 4000, 2**53 - 1]) for kind in kinds if dice.random() < 0.7},
            "included": {event["id"]: dice.random() < 0.5 for event in events if dice.random() < 0.5},
            "cap": dice.choice([None, None, 0, 1, 2]),
            "spam": None,
        }
        for _ in range(25)
    ]
    with watched(browser) as seen:
        seen.page.goto(f"{golden}whatif-{scope}-{epoch}.html")
        found = seen.page.evaluate(
            """async (changes) => {
                const { Verifier, placeOf } = await import("/assets/ui/client.js");
                const verifier = new Verifier();
                await verifier.ask("prepare", placeOf(document.querySelector("[data-whatif]")));
                return Promise.all(changes.map((change) => verifier.ask("try", { change })));
            }""",
            changes,
        )
    for change, trial in zip(changes, found, strict=True):
        wanted = by_python(scope, epoch, change["weights"], change["included"], change["cap"])
        mine = {row["user_id"]: (row["units"], row["credits"]) for row in trial["rows"]}
        assert {user: mine[user] for user, *_ in wanted} == {user: (units, paid) for user, units, paid in wanted}
        others = set(mine) - {user for user, *_ in wanted}
        assert {mine[user] for user in others} <= {("0", "0")}


ROWS = """id,time,event_type,account,login,evidence,title
a1,2026-01-05T09:00:00Z,design,alice,alice,https://example.org/1,One
a2,2026-01-05T10:00:00Z,design,alice,alice,https://example.org/2,Two
a3,2026-01-05T11:00:00Z,design,alice,alice,https://example.org/3,Three
a4,2026-01-06T09:00:00Z,community,alice,alice,https://example.org/4,Four
b1,2026-01-05T09:00:00Z,design,bob,bob,https://example.org/5,Five
b2,2026-01-05T10:00:00Z,design,bob,bob,https://example.org/6,Six
c1,2026-01-07T09:00:00Z,governance,carol,carol,https://example.org/7,Seven
"""
RULES = [{"source": "file", "event_types": ["design"], "most_per_day": 1}]


def ran(root: Path, spam: object, weights: str | None, left_out: str | None = None) -> list[Row]:
    """The statement of epoch 1 of a node with these rules and this weight file, as collecting and review make it.

    `left_out`: an event that a person decides not to count.
    """
    make_node(root, rows=ROWS)
    rewrite(root / "scopes/default.yaml", spam=spam)
    if weights is not None:
        (root / "weights/default.yaml").write_text(weights, "utf-8")
    with at(root, "2026-01-08T00:00:00Z", "ann") as session:
        for name in ("alice", "bob", "carol"):
            bind(session, "file", name, login=name, actor="ann")
        collect(session)
        curate(session, session.node.epoch("default", 1), "include", "file:work:a3", note="It was the better one.")
        if left_out is not None:
            curate(session, session.node.epoch("default", 1), "exclude", left_out, note="counted elsewhere")
    with at(root, "2026-01-14T00:00:00Z") as session:
        collect(session)
        statement = session.node.epoch("default", 1).statement()
    assert statement is not None
    return [(line.user_id, str(line.total_units), str(line.amount_credits)) for line in statement.payouts]


def test_what_a_trial_shows_is_what_the_ledger_pays_with_the_copied_files(browser: Any, tmp_path: Path) -> None:
    official = ran(tmp_path / "node", RULES, None)
    site = build(tmp_path / "node", tmp_path / "site")
    with served(site) as origin, watched(browser) as seen:
        page = seen.page
        page.goto(origin + "policy/")
        page.get_by_role("button", name="Try other weights").click()
        page.locator(".ledger-trial tbody tr").first.wait_for()
        assert [(row[0], milli(row[2]), row[4]) for row in shown(page)] == official
        page.get_by_role("textbox", name="file:community").fill("777")
        page.get_by_role("textbox", name="file:design").fill("9001")
        page.get_by_role("textbox", name="at most so many from one account").fill("2")
        page.get_by_role("searchbox", name="Find events").fill("file:work:c1")
        page.locator(".ledger-events li", has_text="Seven").get_by_role("checkbox").uncheck()
        page.get_by_text("4 changes move").wait_for()
        tried = [(row[0], milli(row[2]), row[4]) for row in shown(page)]
        weights, rules = page.locator("[data-whatif] pre").all_inner_texts()
        assert seen.problems == []
        assert seen.foreign(origin) == []
    assert tried != official
    paid = ran(tmp_path / "changed", yaml.safe_load(rules)["spam"], weights, "file:work:c1")
    assert paid == [row for row in tried if row[1] != "0"], "who has no event that counts is in no statement"
    assert [row[1:] for row in tried if row[1] == "0"] == [("0", "0")]


def test_of_very_many_people_those_are_shown_whom_the_trial_moves_most(browser: Any, tmp_path: Path) -> None:
    write_node(tmp_path / "node", events=3_000, users=400)
    site = publish(tmp_path / "node", tmp_path / "site")
    name = write_page(site, "whatif", "default", 1)
    with served(site) as origin, watched(browser) as seen:
        page = seen.page
        page.goto(origin + name)
        page.get_by_role("button", name="Try other weights").click()
        page.get_by_role("textbox", name="github:pr_merged").fill("0")
        page.get_by_text("1 change moves").wait_for()
        page.get_by_text("The 300 of 392 people whom the trial moves most.").wait_for()
        rows = page.locator(".ledger-trial tbody tr").evaluate_all(
            "rows => rows.map(row => [4, 5].map((at) => Number(row.cells[at].textContent)))"
        )
        assert [official for official, _ in rows] == sorted((official for official, _ in rows), reverse=True)
        assert len(rows) == 300
        assert seen.problems == []


def test_a_trial_on_the_policy_page_starts_from_the_chosen_epoch(browser: Any, sites: dict[str, Path]) -> None:
    with served(sites["golden"]) as origin, watched(browser) as seen:
        page = seen.page
        page.goto(origin + "policy/")
        place = page.locator("[data-whatif][data-scope=default]")
        chosen = place.get_by_label("Epoch to try on")
        assert chosen.locator("option").first.inner_text() == place.get_attribute("data-epoch")
        chosen.select_option("1")
        place.get_by_role("button", name="Try other weights").click()
        place.get_by_role("textbox", name="file:design").fill("9001")
        place.get_by_text("1 change moves").wait_for()
        wanted = by_python("default", 1, {"file:design": 9001}, {}, None)
        assert [(row[0], milli(row[2]), row[4]) for row in shown(page)] == wanted
        assert seen.problems == []
