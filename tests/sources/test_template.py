"""The template for sources of third parties: installed as one would be, found by its entry point, run in a node.

Sources that break one promise each show that the shipped checks can fail.
"""

from __future__ import annotations

import json
import shutil
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module, invalidate_caches
from pathlib import Path
from typing import Any

import pytest

from ledger.core.config import DEFAULT_SCOPE, WeightPolicy
from ledger.core.errors import ConfigError, InputError
from ledger.core.kinds import kind_names, kind_words
from ledger.core.values import parse_time
from ledger.core.windows import Window
from ledger.flows.collect import collect
from ledger.flows.session import open_session
from ledger.flows.start import NodePlan, SourcePlan, init_node
from ledger.sources import conformance, registry
from ledger.sources.conformance import CHECKS, World
from ledger.sources.port import Page, Raw, SourceContext, SourceEvent, StreamCursor

TEMPLATE = Path(__file__).parents[2] / "docs/source-template"
DOCS = Path(__file__).parents[2] / "docs/sources.md"
MODULE = "ledger_mbox"
OPTIONS = {"path": "list.mbox", "web": "https://lists.example.org/dev"}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The template's module, on the path with the metadata that an installer writes from its pyproject.toml."""
    project = tomllib.loads((TEMPLATE / "pyproject.toml").read_text("utf-8"))["project"]
    site = tmp_path / "site"
    info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    shutil.copy(TEMPLATE / f"{MODULE}.py", site)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = [f"{name} = {target}" for name, target in project["entry-points"]["ledger.sources"].items()]
    (info / "entry_points.txt").write_text("\n".join(["[ledger.sources]", *points, ""]))
    monkeypatch.syspath_prepend(str(site))
    invalidate_caches()
    yield import_module(MODULE)
    sys.modules.pop(MODULE)


def archive(root: Path) -> None:
    """The archive of the template's own test."""
    sample = (TEMPLATE / f"test_{MODULE}.py").read_text("utf-8").split('MESSAGE = """')[1].split('"""')[0]
    text = "".join(sample.replace("\\x07", "\x07").format(day=day) for day in range(5, 26))
    (root / "list.mbox").write_text(text + sample.format(day=40), "utf-8")


def world_of(module: Any, root: Path, source: type[Any]) -> World:
    archive(root)
    told: list[str] = []
    context = SourceContext(
        node_id="4f8a7f4e-53b1-4b3e-9a7b-0d5b1f0f6c11",
        scope_id=DEFAULT_SCOPE,
        node_root=str(root),
        cache_dir=str(root / "cache"),
        now=lambda: parse_time("2026-02-01"),
        environ={},
        tell=told.append,
    )
    options = module.MboxOptions.load(OPTIONS, "scopes/default.yaml")
    return World(
        make=lambda: source("dev", options, context),
        window=Window(parse_time("2026-01-05"), parse_time("2026-01-26")),
        id_pattern=r"mbox:message:[0-9a-f]{64}",
        secrets=("nobody may keep", "ann@example.org", "Ann"),
        told=told,
    )


def failing(module: Any, root: Path, source: type[Any], monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The checks that a source does not pass."""
    monkeypatch.setattr(module, "PAGE_SIZE", 4)
    world, found = world_of(module, root, source), set()
    for check in CHECKS:
        try:
            check(world)
        except (AssertionError, InputError):
            found.add(check.__name__)
    return found


def test_the_template_is_found_by_its_entry_point_and_conforms(
    installed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "mbox" in registry.available()
    assert registry.source_class("mbox") is installed.MboxSource
    assert failing(installed, tmp_path, registry.source_class("mbox"), monkeypatch) == set()


def test_a_third_partys_source_says_what_its_events_are_called_and_nothing_else(
    installed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ["mbox", "git", "receipt", "not_there"]
    assert registry.said_names(asked) == {"mbox:message_sent": "message on a list"}
    told = {
        "a": "x" * 61,
        object(): "a thing",
        "b": "two\nlines",
        "Not a word": "talk",
        "c": 7,
        "d": "talk\u200b",
        "e": "\u202etalk",
        "talk_given": "<b>talk</b>",
    }
    monkeypatch.setattr(installed.MboxSource, "kind_names", lambda: told)
    assert registry.said_names(asked) == {"mbox:talk_given": "<b>talk</b>"}
    monkeypatch.setattr(installed.MboxSource, "kind_names", lambda: 1 / 0)
    assert registry.said_names(asked) == {}
    monkeypatch.delattr(installed.MboxSource, "kind_names")
    assert registry.said_names(asked) == {}


def test_a_weight_file_goes_before_a_source_and_a_source_renames_no_kind_of_ours() -> None:
    said = {"mbox:message_sent": "message on a list", "mbox:other": "other", "github:pr_merged": "gift"}
    policy = WeightPolicy(weights={}, names={"mbox:other": "letter"})
    names = kind_names([policy, WeightPolicy(weights={})], said)
    assert (names["mbox:message_sent"], names["mbox:other"]) == ("message on a list", "letter")
    assert kind_words("github:pr_merged", names) == "merged pull request"


def test_a_node_collects_from_the_template_like_from_any_source_of_ours(installed: Any, tmp_path: Path) -> None:
    assert installed.MboxSource.kind == "mbox"
    root = tmp_path / "node"
    plan = NodePlan(name="Test", start=parse_time("2026-01-05"), sources=[SourcePlan("mbox", "dev", OPTIONS)])
    init_node(root, plan)
    archive(root)
    for added in (7, 0):  # the second run finds nothing new
        session = open_session(root, parse_time("2026-01-12"), environ={})
        try:
            assert [report.added for report in collect(session).reports] == [added]
        finally:
            session.close()
    lines = [json.loads(line) for path in root.rglob("activity.jsonl") for line in path.read_text().splitlines()]
    assert Counter(line["producer"] for line in lines) == {"mbox": 7}
    (record,) = [json.loads(line) for path in root.rglob("collection.jsonl") for line in path.read_text().splitlines()]
    assert (record["counts"], record["events_stated"]) == ({"undated": 1}, 7)
    held = "\n".join(path.read_text("utf-8") for path in root.rglob("data/**/*") if path.is_file()).casefold()
    assert "nobody may keep" not in held and "ann@example.org" not in held


def test_wrong_options_of_a_third_partys_source_are_refused_with_the_scopes_file(installed: Any) -> None:
    with pytest.raises(ConfigError, match=r"scopes/default\.yaml"):
        installed.MboxOptions.load({"path": "list.mbox"}, "scopes/default.yaml")


def test_without_it_the_name_is_unknown() -> None:
    with pytest.raises(ConfigError, match="there is no source `mbox`"):
        registry.source_class("mbox")


def test_the_shipped_checks_catch_each_broken_promise(
    installed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Sound(installed.MboxSource):  # type: ignore[misc]
        pass

    class CoversEarly(Sound):  # says with its first page what only its last one knows
        def fetch(self, stream: str, window: Window, cursor: StreamCursor) -> Iterator[Page]:
            pages = list(super().fetch(stream, window, cursor))
            for page in pages:
                yield Page(page.items, page.retrieved_at, covered=window, state=pages[-1].state)

    class NeverDone(Sound):  # does not say what it has covered
        def fetch(self, stream: str, window: Window, cursor: StreamCursor) -> Iterator[Page]:
            for page in super().fetch(stream, window, cursor):
                yield Page(page.items, page.retrieved_at, state=page.state)

    class Restless(NeverDone):  # another id each time
        made = 0

        def parse(self, raw: Raw) -> Iterable[SourceEvent]:
            Restless.made += 1
            return [event._replace(id=f"mbox:message:{Restless.made:064x}") for event in super().parse(raw)]

    class Talks(Sound):  # keeps what was said
        def parse(self, raw: Raw) -> Iterable[SourceEvent]:
            return [event._replace(metadata={"text": "Nobody may keep this"}) for event in super().parse(raw)]

    class Unclean(Sound):  # a control character where none can be stored
        def parse(self, raw: Raw) -> Iterable[SourceEvent]:
            return [event._replace(metadata={"title": "a\x07b"}) for event in super().parse(raw)]

    class Nameless(Sound):
        version = ""

    class Hides(Sound):  # a letter in a name turns the direction of what stands after it
        @classmethod
        def kind_names(cls) -> Mapping[str, str]:
            return {"message_sent": "message\u202e"}

    class Doubles(Sound):
        def streams(self) -> Sequence[str]:
            return ["one", "two"]

    caught = {
        Sound: set(),
        CoversEarly: {"a_run_cut_at_any_page_is_completed_by_the_next"},
        NeverDone: {"all_of_the_window_is_covered_in_the_end"},
        Nameless: {"events_have_provenance_and_can_be_sealed"},
        Unclean: {"events_have_provenance_and_can_be_sealed"},
        Doubles: {"every_event_comes_once_in_a_run"},
        Hides: {"its_words_can_stand_on_pages"},
        Talks: {"no_secret_leaves_the_source"},
        Restless: {
            "all_of_the_window_is_covered_in_the_end",
            "same_world_same_pages",
            "parsing_is_pure",
            "collecting_again_brings_nothing_new",
            "a_run_cut_at_any_page_is_completed_by_the_next",
            "windows_one_by_one_miss_nothing",
            "a_back_fill_gives_all_of_its_window",
        },
    }
    found = {source: failing(installed, tmp_path, source, monkeypatch) for source in caught}
    assert found == caught
    assert set().union(*found.values()) == {check.__name__ for check in CHECKS}


def test_the_page_about_sources_shows_the_template_and_names_every_check() -> None:
    page = DOCS.read_text("utf-8")
    assert "docs/source-template" in page
    assert [check.__name__ for check in conformance.CHECKS if check.__name__.replace("_", " ") not in page] == []
