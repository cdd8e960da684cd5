"""The static API: every file is described and is as described, proofs and checkpoints follow from the raw files."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ledger.cli.output import plain
from ledger.core.values import UserId
from ledger.flows.amend import begin
from ledger.flows.attest import attest, message
from ledger.flows.budget import award
from ledger.flows.collect import collect
from ledger.flows.decide import curate, override
from ledger.flows.identity import bind
from ledger.flows.ingest import Ingest
from ledger.flows.questions import answer, ask
from ledger.flows.review import review
from ledger.flows.session import locked
from ledger.flows.sign import finalize
from ledger.flows.verify import verify
from ledger.site.build import build_site
from ledger.site.routes import LOGS
from ledger.store.layout import EPOCH_FILES
from tests.nodes import WALLETS, at, make_node, set_in_scope, sign_as, signature

POOL = """unresolved: hold
hold_epochs: 1
pool_rules:
  - {rule: carry-over-v1, cap_credits: "500"}
  - {rule: kpi-linear-v1, file: kpi.csv, key: week, column: merged, numerator: "3", denominator: "2", cap_credits: "99"}
"""
DOCS = Path(__file__).parents[2] / "docs/api.md"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Epoch 1 finalized, 2 in review, 3 open; decisions, an override, and an account that nobody bound."""
    root = tmp_path_factory.mktemp("api") / "node"
    make_node(root, overlap=True)
    set_in_scope(root, POOL)
    (root / "kpi.csv").write_text("week,merged\n2026-01-05,12\n2026-01-12,7\n", "utf-8")
    with at(root, "2026-01-06T00:00:00Z", "ann") as session:
        for name in ("alice", "bob"):
            bind(session, "file", name, login=name, actor="ann")
    with at(root, "2026-01-14T00:00:00Z", "ann") as session:
        collect(session)
        folder = session.node.epoch("default", 1)
        bob = next(line.user_id for line in session.node.bindings() if line.login == "bob")
        curate(session, folder, "exclude", "file:work:a1", note="counted twice")
        override(session, folder, UserId(bob), 5000, reason="agreed in the meeting")
        award(session, folder, UserId(bob), 250, "kept the keys", evidence="https://example.org/keys")
        ask(session, folder, 7, actor="zoe", evidence="https://example.org/7", person=bob)
        answer(session, folder, 7, "It was counted once.", evidence="https://example.org/7#1")
        sign_as(session, folder, "ann", "ben")
        finalize(session, folder)
        attest(session, folder, signature(message(session, folder), "eve"))
    with at(root, "2026-01-21T12:00:00Z", "ann") as session:
        collect(session)
        reviewing = begin(session, session.node.epoch("default", 1), "error", "The keys were kept twice", "")
        curate(session, reviewing, "note", "file:work:b1", note="seen again")
        override(session, reviewing, UserId(bob), 5500, reason="agreed in the next meeting")
        award(session, reviewing, UserId(bob), 5, "kept them again", name="again")
        with locked(session):
            review(session, reviewing, Ingest(session))
        sign_as(session, reviewing, "ann", "ben")
        finalize(session, reviewing)
        attest(session, reviewing, signature(message(session, reviewing), "eve"))
    return root


@pytest.fixture(scope="module")
def api(node: Path) -> Path:
    out = node.parent / "site"
    with at(node, "2026-01-22T00:00:00Z") as session:
        checked = verify(session)
        assert checked.ok, checked.all_findings
        assert [epoch.state for epoch in checked.epochs] == ["finalized", "finalized", "review", "open"]
        verdicts = {"ok": checked.ok, **plain(checked)}
        build_site(session.node, session.engine, out, verification=verdicts, commit="0" * 40)
    return out / "api/v1/ledger"


def test_the_page_of_an_amended_epoch_shows_both_versions_why_and_who_signed(api: Path) -> None:
    page = (api.parents[2] / "epochs/default/1/index.html").read_text("utf-8")
    corrections = page[page.index('id="corrections"') :]
    for text in ("The keys were kept twice", "agreed in the next meeting", "What version 2 changes", "In force since"):
        assert text in corrections, text
    signed = corrections[corrections.index("signed by") :].partition("</p>")[0]
    assert all(name in signed and WALLETS[name] in signed for name in ("ann", "ben")), signed
    assert "The figures below are those of the first version" in page and "kept the keys" in page


def read(path: Path) -> Any:
    return json.loads(path.read_bytes())


def files(api: Path) -> list[str]:
    return [path.relative_to(api).as_posix() for path in sorted(api.rglob("*")) if path.is_file()]


def route_of(document: dict[str, Any], path: str) -> list[str]:
    """The routes whose path and parameters fit."""
    found = []
    for template, item in document["paths"].items():
        schemas = {each["name"]: each["schema"] for each in item["get"]["parameters"]}
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template.lstrip("/")))
        match = re.fullmatch(pattern, path)
        if match and all(re.search(schemas[name]["pattern"], value) for name, value in match.groupdict().items()):
            found.append(template)
    return found


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": document["components"]})


def test_every_published_file_has_one_route_and_is_as_its_schema_says(api: Path) -> None:
    document = read(api / "openapi.json")
    seen = set()
    for path in files(api):
        (route,) = route_of(document, path)
        seen.add(route)
        ((media, content),) = document["paths"][route]["get"]["responses"]["200"]["content"].items()
        if media == "application/json":
            validator(document, content["schema"]).validate(read(api / path))
        elif media == "application/jsonl":
            lines = (api / path).read_text("utf-8").splitlines()
            for line in lines:
                validator(document, content["x-itemSchema"]).validate(json.loads(line))
        else:
            validator(document, content["schema"]).validate((api / path).read_text("utf-8"))
    (more,) = route_of(document, "epochs/default/1/activity-0002.jsonl")  # no log here is as large as that
    theirs = "/contributors/{user_id}/events-{shard}.jsonl"  # nor has anybody here so many events
    money = ("/accounts/", "/book/", "/distributions/", "/opening/", "/instructions.jsonl", "/waivers.jsonl")
    # this node pays nobody; tests/paying holds those files to their schemas
    unused = {path for path in document["paths"] if path.startswith(money)}
    assert document["paths"].keys() == seen | {more, theirs} | unused
    assert document["paths"][more]["get"]["responses"] == {
        "200": {
            **document["paths"]["/epochs/{scope_id}/{epoch_id}/activity.jsonl"]["get"]["responses"]["200"],
            "description": "More events: the log goes on past 40 MB.",
        }
    }
    assert route_of(document, "epochs/default/1/activity-0001.jsonl") == []


def test_a_figure_behind_a_pool_shows_its_value_rule_and_result(api: Path) -> None:
    page = (api.parents[2] / "kpi/index.html").read_text("utf-8")
    for words in ("12 × 3 ÷ 2, rounded down, at most 99", '<td class="num">18</td>', "kpi.csv", "in line 2"):
        assert words in page
    assert "kpi/#default-1" in (api.parents[2] / "epochs/default/1/index.html").read_text("utf-8")
    digest = hashlib.sha256(b"week,merged\n2026-01-05,12\n").hexdigest()
    assert digest[:16] in page


def test_the_schemas_refuse_what_no_file_of_ours_holds(api: Path) -> None:
    document = read(api / "openapi.json")
    statement = read(api / "epochs/default/1/statement.json")
    schema = validator(document, document["components"]["schemas"]["Statement"])
    assert schema.is_valid(statement)
    assert not schema.is_valid({**statement, "pool_total_credits": 10_000})
    assert not schema.is_valid({**statement, "pool_total_credits": "1e4"})
    assert not schema.is_valid({**statement, "note": "unknown"})
    assert not schema.is_valid({name: value for name, value in statement.items() if name != "payouts"})
    outcomes = read(api / "epochs/default/1/outcomes.json")
    content = document["paths"]["/epochs/{scope_id}/{epoch_id}/outcomes.json"]["get"]["responses"]["200"]["content"]
    schema = validator(document, content["application/json"]["schema"])
    outcomes["unresolved"][0].append(1)
    assert not schema.is_valid(outcomes)


def test_every_schema_in_the_description_is_a_schema_and_every_reference_leads_to_one(api: Path) -> None:
    document = read(api / "openapi.json")
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    names = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert names <= schemas.keys()
    operations = [item["get"]["operationId"] for item in document["paths"].values()]
    assert len(set(operations)) == len(operations)


def test_every_log_that_an_epoch_may_hold_has_a_route() -> None:
    assert {name for name in EPOCH_FILES if name.endswith(".jsonl")} == {*LOGS, "activity.jsonl"}


def test_the_index_lists_every_file_of_the_site_but_itself(api: Path) -> None:
    site = api.parents[2]
    index = {entry["path"]: entry for entry in read(api / "index.json")["files"]}
    there = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    assert there - index.keys() == {".ledger-site", "api/v1/ledger/index.json"}
    assert {"index.html", "epochs/default/1/index.html", "feed.xml"} <= index.keys() <= there
    for path, entry in index.items():
        data = (site / path).read_bytes()
        assert (entry["size"], entry["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())


def test_a_contributors_history_adds_up_to_the_epochs(api: Path) -> None:
    listed = read(api / "contributors/index.json")["contributors"]
    assert [person["name"] for person in sorted(listed, key=lambda one: str(one["name"]))] == ["alice", "bob"]
    for person in listed:
        full = read(api / f"contributors/{person['user_id']}.json")
        assert len(full["epochs"]) == person["epoch_count"]
        credits = 0
        for row in full["epochs"]:
            place = api / f"epochs/{row['scope_id']}/{row['epoch_id']}"
            (same,) = [
                one for one in read(place / "allocations.json")["allocations"] if one["user_id"] == person["user_id"]
            ]
            assert same == {
                **{name: row[name] for name in same if name in row},
                "name": full["name"],
                "user_id": full["user_id"],
            }
            credits += int(row["corrected_credits"] or row["amount_credits"]) if row["state"] == "finalized" else 0
        assert person["final_credits"] == full["final_credits"] == str(credits)
        lines = [json.loads(line) for line in (api / "identities.jsonl").read_text("utf-8").splitlines()]
        assert full["bindings"] == [line for line in lines if line["user_id"] == person["user_id"]]


def test_weights_lie_under_the_hash_of_their_canonical_form(api: Path, node: Path) -> None:
    (scope,) = read(api / "weights/index.json")["scopes"]
    policy = (node / scope["weight_policy"]).read_bytes()
    assert scope["file_sha256"] == hashlib.sha256(policy).hexdigest()
    for pinned in (scope, *scope["epochs"]):
        data = (api / f"weights/{pinned['weight_config_hash']}.json").read_bytes()
        assert hashlib.sha256(data.rstrip(b"\n")).hexdigest() == pinned["weight_config_hash"]
    for pinned in scope["epochs"]:
        epoch = read(api / f"epochs/default/{pinned['epoch_id']}/epoch.json")
        assert epoch["weight_config_hash"] == pinned["weight_config_hash"]


def test_scopes_tell_what_governs_them(api: Path) -> None:
    scopes = read(api / "scopes.json")
    assert scopes["epoch"] == {"anchor": "2026-01-05T00:00:00.000Z", "grace_hours": 24, "length": 7, "unit": "days"}
    (scope,) = scopes["scopes"]
    assert (scope["overlap"], scope["objection_hours"], scope["merge"]) == (True, 0, "auto")


def events(api: Path, epoch: int) -> Iterator[dict[str, Any]]:
    for line in (api / f"epochs/default/{epoch}/activity.jsonl").read_text("utf-8").splitlines():
        yield json.loads(line)


def test_outcomes_point_at_the_lines_that_a_users_units_come_from(api: Path) -> None:
    names = {one["user_id"]: one["name"] for one in read(api / "contributors/index.json")["contributors"]}
    for epoch in (1, 2, 3):
        lines = list(events(api, epoch))
        outcomes = read(api / f"epochs/default/{epoch}/outcomes.json")
        rows = read(api / f"epochs/default/{epoch}/allocations.json")["allocations"]
        units = dict.fromkeys(outcomes["users"], 0) | {row["user_id"]: int(row["proposed_units"]) for row in rows}
        found = [line for _, line, *_ in outcomes["unresolved"]]
        for user_id, mine in outcomes["users"].items():
            assert sum(units for _, _, units, _, included, _ in mine if included) == units[user_id]
            assert {lines[line - 1]["platform_login"] for _, line, *_ in mine} == {names[user_id]}
            found += [line for _, line, *_ in mine]
        assert sorted(found) == list(range(1, len(lines) + 1))


def test_a_persons_events_are_those_of_all_epochs_with_what_each_came_to(api: Path) -> None:
    for person in read(api / "contributors/index.json")["contributors"]:
        full = read(api / f"contributors/{person['user_id']}.json")
        due = []
        for epoch in (1, 2, 3):
            lines, outcomes = list(events(api, epoch)), read(api / f"epochs/default/{epoch}/outcomes.json")
            rows = outcomes["users"].get(person["user_id"], [])
            due += [(epoch, lines[row[1] - 1]["id"], str(row[2]), *row[3:]) for row in rows]
        told = [
            json.loads(line) for file in full["event_files"] for line in (api / file["path"]).open(encoding="utf-8")
        ]
        fields = ("epoch_id", "id", "milli_units", "weight_source", "included", "late")
        assert sorted(tuple(one[name] for name in fields) for one in told) == sorted(due)
        assert full["event_count"] == len(told) == sum(file["event_count"] for file in full["event_files"])


@functools.cache
def documented() -> dict[str, Any]:
    """The functions that docs/api.md shows to strangers."""
    names: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```", DOCS.read_text("utf-8"), re.DOTALL | re.MULTILINE):
        exec(block, names)  # noqa: S102 - our own documentation, held to what it promises
    return names


def test_the_documented_proof_leads_from_any_line_to_the_activity_root(api: Path) -> None:
    prove, root_of = documented()["proof"], documented()["root"]
    for epoch in (1, 2, 3):
        leaves = (api / f"proofs/default/{epoch}.txt").read_text("utf-8").split()
        lines = (api / f"epochs/default/{epoch}/activity.jsonl").read_bytes().split(b"\n")[:-1]
        assert len(leaves) == len(lines)
        statement = read(api / f"epochs/default/{epoch}/statement.json")
        for number, line in enumerate(lines):
            assert leaves[number] == hashlib.sha256(b"\0" + line).hexdigest()
            path = prove(leaves, number)
            if statement is not None:
                assert root_of(line, path) == statement["activity_root"]
                assert root_of(line + b" ", path) != statement["activity_root"]


def test_the_documented_proof_holds_for_trees_of_every_shape() -> None:
    from ledger.core.merkle import merkle_root

    prove, root_of = documented()["proof"], documented()["root"]
    for size in range(1, 20):
        lines = [f"line {number}".encode() for number in range(size)]
        leaves = [hashlib.sha256(b"\0" + line).hexdigest() for line in lines]
        assert {root_of(line, prove(leaves, number)) for number, line in enumerate(lines)} == {merkle_root(lines)}


def test_the_checkpoint_is_over_the_finalized_statements_only(api: Path) -> None:
    from ledger.core.merkle import merkle_root

    origin, size, root, end = (api / "checkpoints/default.txt").read_text("utf-8").split("\n")
    assert (origin, size, end) == (f"{read(api / 'epochs.json')['node_id']}/default", "1", "")
    statement = hashlib.sha256((api / "epochs/default/1/statement.json").read_bytes()).hexdigest()
    assert (api / "checkpoints/default.statements.txt").read_text("utf-8") == f"{statement}\n"
    assert base64.b64decode(root).hex() == merkle_root([statement.encode()])
