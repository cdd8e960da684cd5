"""Who claims an event and under which id; and that what is stored is validated, hashed and canonical."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.canonical import decode, encode
from ledger.core.config import ScopeSettings, SourceSettings
from ledger.core.errors import FormatError
from ledger.core.records.activity import ActivityEvent, payload_hash
from ledger.core.routing import claimants, scoped_id
from ledger.core.sealing import _OF_SOURCE, Provenance, _check_source, _is_common, seal
from ledger.core.values import EventId, Timestamp
from tests.core.samples import NODE, RECORDS, TIME

PROVENANCE = Provenance(NODE, "default", "github", "1.0.0", Timestamp(TIME), Timestamp(TIME))


def scope(name: str, *routes: dict[str, Any], source: str = "github") -> ScopeSettings:
    return ScopeSettings.load(
        {"scope_id": name, "sources": [{"source": source, "name": "main"}], "routing": list(routes)}, f"{name}.yaml"
    )


def claim(*scopes: ScopeSettings, delivers: bool = True, **facets: tuple[str, ...]) -> list[str]:
    def answer(entry: SourceSettings) -> bool:
        return delivers

    return claimants(scopes, "github", facets, answer)


def test_default_comes_first_and_then_the_others_in_order() -> None:
    assert claim(scope("zoo"), scope("default"), scope("art")) == ["default", "art", "zoo"]
    assert claim(scope("zoo"), scope("art")) == ["art", "zoo"]


def test_the_first_claimant_keeps_the_plain_id() -> None:
    order = ["default", "art"]
    assert scoped_id("github:pr:a/b:1", "default", order) == "github:pr:a/b:1"
    assert scoped_id("github:pr:a/b:1", "art", order) == "github:pr:a/b:1#art"
    assert scoped_id("github:pr:a/b:1", "art", ["art"]) == "github:pr:a/b:1"


def test_every_list_of_one_route_must_fit_and_one_route_suffices() -> None:
    docs = {"source": "github", "repositories": ["acme/*"], "paths": ["docs/*", "*.md"]}
    labelled = {"source": "github", "labels": ["art"]}
    art = scope("art", docs, labelled)
    assert claim(art, repositories=("acme/w",), paths=("src/a.c", "README.md")) == ["art"]
    assert claim(art, repositories=("acme/w",), paths=("src/a.c",)) == []
    assert claim(art, repositories=("other/w",), paths=("README.md",)) == []
    assert claim(art, repositories=("acme/w",)) == []
    assert claim(art, labels=("bug", "art")) == ["art"]


def test_a_scope_without_rules_for_the_source_takes_all_that_it_reads_and_nothing_else() -> None:
    other_source = scope("art", {"source": "discord", "channels": ["x"]})
    assert claim(other_source, repositories=("a/b",)) == ["art"]
    assert claim(scope("art", source="git")) == []
    assert claim(scope("art"), delivers=False) == []


def test_what_nobody_else_wants_is_the_default_scopes_if_it_reads_it() -> None:
    default = scope("default", {"source": "github", "labels": ["core"]})
    art = scope("art", {"source": "github", "labels": ["art"]})
    assert claim(default, art, labels=("other",)) == ["default"]
    assert claim(default, art, labels=("art",)) == ["art"]
    assert claim(default, art, labels=("other",), delivers=False) == []


def test_patterns_know_case_on_every_system() -> None:
    assert claim(scope("art", {"source": "github", "labels": ["Art"]}), labels=("art",)) == []


def test_names_of_repositories_are_the_same_in_upper_and_lower_case() -> None:
    art = scope("art", {"source": "github", "repositories": ["Acme/*"]})
    assert claim(art, repositories=("acme/w",)) == claim(art, repositories=("ACME/w",)) == ["art"]
    assert claim(art, repositories=("acne/w",)) == []


def sealed(**changes: Any) -> Any:
    fields = {**RECORDS["event"][1], **changes}
    return seal(
        EventId(fields["id"]),
        fields["artifact_url"],
        fields["event_time"],
        fields["event_type"],
        fields["metadata"],
        fields["platform_login"],
        fields["platform_user_id"],
        fields["source"],
        PROVENANCE,
    )


def test_a_sealed_event_is_its_canonical_line_with_the_right_hash() -> None:
    found = sealed()
    stored = ActivityEvent.read(decode(found.line))
    assert stored.encode() == found.line
    assert stored.payload_hash == found.payload_hash == payload_hash(stored.fields())
    assert stored.fields() == RECORDS["event"][1]


def test_the_login_that_people_see_is_no_part_of_the_payload() -> None:
    assert sealed(platform_login="renamed").payload_hash == sealed().payload_hash


@pytest.mark.parametrize(
    "changes",
    [
        {"metadata": {"size": 1.5}},
        {"metadata": {"size": float("nan")}},
        {"metadata": {"nested": {"a": 1}}},
        {"metadata": {"title": "a\nb"}},
        {"metadata": {"title": "\ud800"}},
        {"metadata": {"Size": 1}},
        {"metadata": {"size": 2**53}},
        {"metadata": {"object": object()}},
        {"metadata": None},
        {"artifact_url": "https://example.org/\x1b[2J"},
        {"event_time": "2026-01-05"},
        {"event_type": "PR"},
        {"platform_user_id": ""},
        {"source": "Git Hub"},
    ],
)
def test_an_event_that_breaks_the_form_is_named_and_not_stored(changes: dict[str, Any]) -> None:
    with pytest.raises(FormatError, match="github:pr:acme/widgets:42") as caught:
        sealed(**changes)
    assert caught.value.rule == "PROVENANCE_REQUIRED"


def test_an_id_that_no_log_may_hold_is_refused() -> None:
    for name in ("", "a b", "ä", "a\n", "a" * 513):
        with pytest.raises(FormatError, match="event "):
            sealed(id=name)


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)


@given(
    url=TEXT,
    login=st.none() | TEXT,
    metadata=st.dictionaries(
        st.from_regex(r"\A[a-z][a-z0-9_]{0,8}\Z"),
        TEXT | st.integers(-(2**53) + 1, 2**53 - 1) | st.booleans() | st.none(),
        max_size=6,
    ),
)
def test_whatever_is_sealed_has_the_bytes_of_the_canonical_form(
    url: str, login: str | None, metadata: dict[str, Any]
) -> None:
    found = sealed(artifact_url=url, platform_login=login, metadata=metadata)
    value = decode(found.line)
    assert encode(value) == found.line
    assert (value["metadata"], value["artifact_url"], value["platform_login"]) == (metadata, url, login)
    assert payload_hash(value) == found.payload_hash == value["payload_hash"]


NEAR = st.text(st.sampled_from('aZ09_:-.T \n\x00\x7f\ud800é"\\{}'), max_size=4)


@given(data=st.data())
def test_the_look_of_common_events_takes_nothing_that_the_types_of_the_record_refuse(data: st.DataObject) -> None:
    fields = {name: RECORDS["event"][1][name] for name in _OF_SOURCE}
    fields["event_time"] = data.draw(
        st.sampled_from([TIME, "2026-02-28T23:59:59.999Z", "2026-02-30T00:00:00.000Z", "0000-01-01T00:00:00.000Z"])
    )
    for name in data.draw(st.sets(st.sampled_from(_OF_SOURCE), max_size=2)):
        odd = (
            NEAR.map(lambda text, name=name: f"{fields[name]}{text}") | NEAR | st.integers() | st.none() | st.booleans()
        )
        fields[name] = data.draw(st.dictionaries(NEAR, odd, max_size=2) if name == "metadata" else odd)
    login = fields["platform_login"]
    names = ("artifact_url", "event_time", "event_type", "id", "platform_user_id", "source")
    texts = (*(fields[name] for name in names), "" if login is None else login)
    if _is_common(texts, fields["metadata"], fields["quantity"]):
        _check_source(fields)
