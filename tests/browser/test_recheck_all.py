"""Everything rechecked at once, on the first page: every epoch, the list of contributors, and what a session keeps."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.compute.engine import Engine
from ledger.flows.budget import add_component
from ledger.flows.collect import collect
from ledger.flows.display import lookalike
from ledger.flows.identity import bind
from ledger.flows.ingest import Ingest
from ledger.flows.review import review
from ledger.flows.session import locked
from ledger.flows.sign import finalize
from ledger.site.build import build_site
from ledger.site.oddnames import odd_names
from tests.browser.support import needs_browser, served, watched
from tests.nodes import at, make_node, sign_as

pytestmark = needs_browser


def test_everything_is_rechecked_and_what_is_wrong_is_named(browser: Any, sites: dict[str, Path]) -> None:
    listed = json.loads((sites["golden"] / "api/v1/ledger/epochs.json").read_bytes())["epochs"]
    with served(sites["golden"]) as origin, watched(browser) as seen:
        page = seen.page
        page.goto(origin)
        page.get_by_role("button", name="Recheck everything").click()
        page.locator("[data-recheck-all][data-verdict=pass]").wait_for()
        told = page.locator("[data-recheck-all]").inner_text()
        assert f"{len(listed)} epochs with" in told
        assert "Nothing differs." in told
        page.locator("[data-recheck-all] summary").click()
        places = page.locator("[data-recheck-all] tbody a").evaluate_all("all => all.map((one) => one.href)")
        assert places == [f"{origin}epochs/{one['scope_id']}/{one['epoch_id']}/" for one in listed]
        page.reload()
        page.locator("[data-recheck-all][data-verdict=pass]").wait_for()
        assert "earlier in this session" in page.locator("[data-recheck-all]").inner_text()

        page.route("**/guild/2/pool.jsonl", lambda route: route.fulfill(body=route.fetch().body() + b"{}\n"))
        page.route("**/default/1/allocations.json", lambda route: route.fulfill(json=credited(route.fetch().json())))
        page.route("**/contributors/index.json", lambda route: route.fulfill(json=summed(route.fetch().json())))
        page.get_by_role("button", name="Recheck everything").click()
        page.locator("[data-recheck-all][data-verdict=fail]").wait_for()
        told = page.locator("[data-recheck-all]").inner_text()
        assert "2 epochs DIFFER, and the list of contributors is WRONG" in told
        assert "POOL_IMMUTABLE" in told
        assert "epochs/default/1/allocations.json, allocations" in told
        assert "credits of alice: it says 77" in told
        assert seen.problems == []
        assert seen.foreign(origin) == []


@pytest.mark.parametrize("name", ["harbour", "hostile"])
def test_nothing_differs_in_other_nodes(name: str, browser: Any, sites: dict[str, Path]) -> None:
    """Epochs of every state, corrections, names of every kind."""
    with served(sites[name]) as origin, watched(browser) as seen:
        seen.page.goto(origin)
        seen.page.get_by_role("button", name="Recheck everything").click()
        seen.page.locator("[data-recheck-all][data-verdict]").wait_for()
        assert "Nothing differs." in seen.page.locator("[data-recheck-all]").inner_text()


ALICE = "7a921390-31f3-5c67-a8de-020b9bff7a6e"
ABOUT = f"contributors/{ALICE}.json"


def about(change: Callable[[dict[str, Any]], Any]) -> Callable[[bytes], bytes]:
    """A change of a person's own file."""

    def changed(data: bytes) -> bytes:
        found = json.loads(data)
        change(found)
        return json.dumps(found).encode()

    return changed


EVERYBODY: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "what an event came to": (
        f"contributors/{ALICE}/events.jsonl",
        lambda data: data.replace(b'"included":true', b'"included":false', 1),
        "events.jsonl, lines of epoch default/1: it says others, the epochs give",
    ),
    "the credits of one epoch": (
        ABOUT,
        about(lambda found: found["epochs"][0].update(amount_credits="9999")),
        f"{ABOUT}, epochs, default/1, amount_credits: it says 9999, the epochs give ",
    ),
    "an epoch that is left out": (
        ABOUT,
        about(lambda found: found["epochs"].pop(0)),
        f"{ABOUT}, epochs, default/1: it says none, the epochs give ",
    ),
    "an epoch that stands twice": (
        ABOUT,
        about(lambda found: found["epochs"].append(found["epochs"][0])),
        f"{ABOUT}, epochs: it says [",
    ),
    "the sum": (
        ABOUT,
        about(lambda found: found.update(final_credits="7")),
        f"{ABOUT}, final_credits: it says 7, the epochs give ",
    ),
    "the name": (
        ABOUT,
        about(lambda found: found.update(name="mallory")),
        f"{ABOUT}, name: it says mallory, the epochs give alice",
    ),
    "a file of events that is not there": (
        ABOUT,
        about(lambda found: found["event_files"].append({"event_count": 0, "path": "x"})),
        f"{ABOUT}, event_files: it says [",
    ),
    "the number of events": (
        ABOUT,
        about(lambda found: found.update(event_count=1)),
        f"{ABOUT}, event_count: it says 1, the epochs give ",
    ),
    "a binding that is left out": (
        ABOUT,
        about(lambda found: found["bindings"].pop()),
        f"{ABOUT}, bindings: it says [",
    ),
    "the mark of a name": (
        "odd-names.json",
        lambda data: data.replace(b"{", b'{"%b":["hidden letters","No."],' % ALICE.encode(), 1).replace(b",}", b"}"),
        f"odd-names.json, mark of user {ALICE} (alice): it says",
    ),
}
"""By what is changed: the file, how, and what is said of that."""
LISTED: dict[str, tuple[str, Callable[[Any], Any], str]] = {
    "credits of an epoch": (
        "epochs/list.json",
        lambda found: found["scopes"]["default"][0].__setitem__(7, "9999"),
        "epochs/list.json, epoch default/3, allocated: it says 9999, the epochs give ",
    ),
    "the state of an epoch": (
        "epochs/list.json",
        lambda found: found["scopes"]["guild"][1].__setitem__(3, "open"),
        "epochs/list.json, epoch guild/1, state: it says open, the epochs give finalized",
    ),
    "an epoch that is left out": (
        "epochs/list.json",
        lambda found: found["scopes"]["guild"].pop(),
        "epochs/list.json, epoch guild/1: it says none, the epochs give a row",
    ),
    "a scope that there is not": (
        "epochs/list.json",
        lambda found: found["scopes"].update(other=[[1, *found["scopes"]["guild"][0][1:]]]),
        "epochs/list.json, epoch other/1: it says a row, the epochs give none",
    ),
    "the order of epochs": (
        "epochs/list.json",
        lambda found: found["scopes"]["default"].reverse(),
        "epochs/list.json, the order: it says [1,2,3], the epochs give [3,2,1]",
    ),
    "credits of a person": (
        "contributors/list.json",
        lambda found: row_of(found, ALICE).__setitem__(4, "77"),
        f"contributors/list.json, user {ALICE} (alice), credits:default: it says 77, the epochs give ",
    ),
    "the name of a person": (
        "contributors/list.json",
        lambda found: row_of(found, ALICE).__setitem__(1, "mallory"),
        f"contributors/list.json, user {ALICE} (alice), name: it says mallory, the epochs give alice",
    ),
    "the events of a person": (
        "contributors/list.json",
        lambda found: row_of(found, ALICE).__setitem__(3, 1000),
        f"contributors/list.json, user {ALICE} (alice), events: it says 1000, the epochs give ",
    ),
    "a person who is left out": (
        "contributors/list.json",
        lambda found: found["rows"].remove(row_of(found, ALICE)),
        f"contributors/list.json, user {ALICE} (alice): it says none, the epochs give a row",
    ),
    "a fraction for credits": (
        "contributors/list.json",
        lambda found: row_of(found, ALICE).__setitem__(4, 0.5),
        f"contributors/list.json, user {ALICE} (alice), credits:default: it says 0.5, the epochs give ",
    ),
    "whose credits they are": (
        "contributors/list.json",
        lambda found: found["columns"].__setitem__(4, "credits:guild"),
        'contributors/list.json, columns: it says ["user_id","name","epochs","events","credits:guild"',
    ),
}
"""The same of the site's own lists."""


def row_of(found: dict[str, Any], user: str) -> list[Any]:
    return next(row for row in found["rows"] if row[0] == user)


@pytest.mark.parametrize("what", LISTED)
def test_a_changed_list_of_the_site_is_named(what: str, browser: Any, sites: dict[str, Path]) -> None:
    file, change, wanted = LISTED[what]
    with served(sites["golden"]) as origin, watched(browser) as seen:
        page = seen.page
        page.route(f"**/{file}", lambda route: route.fulfill(body=about(change)(route.fetch().body())))
        page.goto(origin)
        page.get_by_role("button", name="Recheck everything").click()
        page.locator("[data-recheck-all][data-verdict=fail]").wait_for()
        told = page.locator("[data-recheck-all]").inner_text()
        assert f"the list of {file.partition('/')[0]} is WRONG" in told
        assert wanted in told
        assert page.locator("[data-recheck-all] ul.bad li").count() == 1, "nothing else is wrong"
        assert seen.problems == []


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize("name", ["epochs", "contributors"])
def test_a_list_of_the_site_that_is_nothing_is_told(
    name: str, status: int, browser: Any, sites: dict[str, Path]
) -> None:
    with served(sites["golden"]) as origin, watched(browser) as seen:
        page = seen.page
        page.route(f"**/{name}/list.json", lambda route: route.fulfill(status=status, body="null"))
        page.goto(origin)
        page.get_by_role("button", name="Recheck everything").click()
        page.locator("[data-recheck-all][data-verdict=fail]").wait_for()
        told = page.locator("[data-recheck-all]").inner_text()
        assert f"the list of {name} is WRONG" in told
        assert f"{name}/list.json, the whole: it says {'null' if status == 200 else 'none'}" in told
        assert page.locator("[data-recheck-all] ul.bad li").count() == 1, "nothing else is wrong"


def test_a_scope_may_be_called_as_what_every_object_has(browser: Any, tmp_path: Path) -> None:
    root = make_node(tmp_path / "node")
    settings = (root / "scopes/default.yaml").rename(root / "scopes/constructor.yaml")
    settings.write_text(settings.read_text("utf-8").replace("scope_id: default", "scope_id: constructor"), "utf-8")
    with at(root, "2026-01-06T00:00:00Z") as session:
        for name in ("alice", "dora"):
            bind(session, "file", name, login=name, actor="ann")
    with at(root, "2026-01-11T00:00:00Z", "ann") as session:
        collect(session)
    with at(root, "2026-01-12T01:00:00Z", "ann") as session, Engine(root) as engine:
        folder = session.node.epoch("constructor", 1)
        add_component(session, folder, "base_issuance", 10_000, None)
        with locked(session):
            review(session, folder, Ingest(session))
        sign_as(session, folder, "ann", "ben")
        finalize(session, folder)
        build_site(session.node, engine, tmp_path / "site", verification=None, commit=None)
    with served(tmp_path / "site") as origin, watched(browser) as seen:
        seen.page.goto(origin)
        seen.page.get_by_role("button", name="Recheck everything").click()
        seen.page.locator("[data-recheck-all][data-verdict]").wait_for()
        assert "Nothing differs." in seen.page.locator("[data-recheck-all]").inner_text()
        assert seen.problems == []


def test_where_the_worker_cannot_load_the_check_ends_and_says_so(
    browser: Any, sites: dict[str, Path], tmp_path: Path
) -> None:
    site = Path(shutil.copytree(sites["golden"], tmp_path / "site"))
    (site / "assets/verifier/worker.js").unlink()
    with served(site) as origin, watched(browser) as seen:
        seen.page.goto(origin)
        seen.page.get_by_role("button", name="Recheck everything").click()
        seen.page.locator("[data-recheck-all][data-verdict]").wait_for()
        assert "this browser cannot run the check" in seen.page.locator("[data-recheck-all]").inner_text()


def test_a_part_that_cannot_be_given_to_a_helper_ends_the_scan(browser: Any, sites: dict[str, Path]) -> None:
    with served(sites["golden"]) as origin, watched(browser) as seen:
        seen.page.goto(origin)
        told = seen.page.evaluate(
            """async () => {
                Object.defineProperty(navigator, "hardwareConcurrency", { value: 2 });
                const lost = new Promise((done) => addEventListener("error", () => done("lost")));
                const { Scanners } = await import(new URL("assets/verifier/scanners.js", document.baseURI).href);
                const part = (slice) => ({ data: { buffer: null, byteOffset: 0, byteLength: 0, slice }, torn: false });
                const right = part(() => new Uint8Array(0));
                const parts = [right, right, right, part(() => { throw new RangeError("no room"); }), right];
                const scanners = new Scanners();
                const scan = scanners.scan(parts, { node_id: "x", scope_id: "x", period_end: "x" }, () => {});
                const ended = await Promise.race([lost, scan.then(() => "all", ({ message }) => message)]);
                scanners.end();
                return ended;
            }"""
        )
        assert told == "no room"


@pytest.mark.parametrize("what", EVERYBODY)
def test_a_changed_file_about_people_is_named(what: str, browser: Any, sites: dict[str, Path]) -> None:
    file, change, wanted = EVERYBODY[what]
    with served(sites["golden"]) as origin, watched(browser) as seen:
        page = seen.page
        page.route(f"**/{file}", lambda route: route.fulfill(body=change(route.fetch().body())))
        page.goto(origin)
        page.get_by_role("button", name="Recheck everything").click()
        page.locator("[data-recheck-all][data-verdict=fail]").wait_for()
        told = page.locator("[data-recheck-all]").inner_text()
        assert "recomputed in this browser: what is published of people is WRONG" in told
        assert wanted in told
        assert page.locator("[data-recheck-all] ul.bad li").count() == 1, "nothing else is wrong"
        assert seen.problems == []


def test_marks_of_names_are_the_builders_own_in_the_browser(browser: Any, sites: dict[str, Path]) -> None:
    """Names of every letter that is judged, and thousands put together of those that pass for each other."""
    dice = random.Random(20261129)
    kinds = ["abilnorvwsßſıİ10|", "аеорсухівк", "αορνις", "\u200b\u202e\xad", "éüñ "]
    made = [
        "".join(dice.choice(dice.choice([kinds[0], *kinds])) for _ in range(dice.randrange(1, 4))) for _ in range(3000)
    ]
    letters = [f"Qz{chr(code)}x" for code in range(0x20, 0x10000) if not 0xD800 <= code <= 0xDFFF]
    for names in (made, letters):
        users = {f"{number:05d}": name for number, name in enumerate(names)}
        wanted = odd_names(users, lookalike)
        with served(sites["golden"]) as origin, watched(browser) as seen:
            seen.page.goto(origin)
            marks, unsure = seen.page.evaluate(
                """async (users) => {
                    const { oddNames } = await import(new URL("assets/verifier/oddnames.js", document.baseURI).href);
                    const { marks, unsure } = oddNames(new Map(Object.entries(users)));
                    return [Object.fromEntries(marks), [...unsure]];
                }""",
                users,
            )
        judged = users.keys() - set(unsure)
        assert {user: marks.get(user) for user in judged} == {
            user: list(wanted[user]) if user in wanted else None for user in judged
        }
        assert len(judged) > len(users) / 3


def credited(data: dict[str, Any]) -> dict[str, Any]:
    data["allocations"][0]["amount_credits"] = "9999"
    return data


def summed(data: dict[str, Any]) -> dict[str, Any]:
    next(one for one in data["contributors"] if one["name"] == "alice")["final_credits"] = "77"
    return data


def test_page_trial_and_signing_page_call_people_the_same(browser: Any, sites: dict[str, Path]) -> None:
    with served(sites["golden"]) as origin, watched(browser) as seen:
        page = seen.page
        page.goto(f"{origin}epochs/default/1/")
        shown = page.locator("table[data-of=people] .who bdi").all_inner_texts()
        assert "carol, now erin" in shown, "somebody was renamed since"
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        page.get_by_role("button", name="Try other weights").click()
        page.locator(".ledger-trial tbody tr").first.wait_for()
        assert sorted(page.locator(".ledger-trial tbody bdi").all_inner_texts()) == sorted(shown)
    with served(sites["harbour"]) as origin, watched(browser) as seen:
        page = seen.page
        page.goto(f"{origin}epochs/default/4/")
        shown = page.locator("table[data-of=people] .who bdi").all_inner_texts()
        page.get_by_role("link", name="Sign, as an approver").click()
        page.locator("[data-sign][data-verdict=pass]").wait_for()
        signed = page.locator("[data-sign] table").first
        assert signed.locator("tbody bdi").all_inner_texts() == shown
        assert "Since last epoch" in signed.inner_text()
        assert seen.problems == []


def test_a_name_without_an_end_takes_one_line(browser: Any, sites: dict[str, Path]) -> None:
    for width in (1280, 390):
        with (
            served(sites["hostile"]) as origin,
            watched(browser, viewport={"width": width, "height": 900}) as seen,
        ):
            page = seen.page
            page.goto(f"{origin}sign/default/1/")
            page.locator("[data-sign][data-verdict=pass]").wait_for()
            for table in ("[data-sign] table", "table[data-of=people]", "table[data-of=decisions]"):
                if table == "table[data-of=people]":
                    page.goto(f"{origin}epochs/default/1/")
                rows = page.locator(f"{table} tbody tr").evaluate_all("all => all.map((one) => one.offsetHeight)")
                assert rows
                assert max(rows) < (520 if "decisions" in table else 160), f"{table} at {width}"
