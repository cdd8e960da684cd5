"""YAML that people write: what is read, and what is refused with its file and line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.config import ScopeSettings
from ledger.core.errors import ConfigError
from ledger.store.yamlfile import load_yaml, parse_yaml

WALLET = "0x52908400098527886E0F7030069857D2E4169EE7"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: no", {"a": "no"}),
        ("a: yes", {"a": "yes"}),
        ("a: on", {"a": "on"}),
        ("a: true", {"a": True}),
        ("a: ~", {"a": None}),
        ("a:", {"a": None}),
        ("a: 12", {"a": 12}),
        ("a: -3", {"a": -3}),
        ("a: 012", {"a": "012"}),
        ("a: 1_000", {"a": "1_000"}),
        ("a: +7", {"a": "+7"}),
        ("a: \u0661\u0662", {"a": "\u0661\u0662"}),
        ("a: 2026-01-05", {"a": "2026-01-05"}),
        ("a: 12:30:45", {"a": "12:30:45"}),
        ('a: "1.5"', {"a": "1.5"}),
        (f'a: "{WALLET}"', {"a": WALLET}),
        ("a: 9007199254740991", {"a": 2**53 - 1}),
        ("a: [1, x]", {"a": [1, "x"]}),
        ("=: 1", {"=": 1}),
        ("<<: 1", {"<<": 1}),
        ("", None),
    ],
)
def test_what_looks_like_text_stays_text(text: str, value: object) -> None:
    assert parse_yaml(text.encode(), "x.yaml") == value


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: 1\na: 2", 2, "duplicate key 'a'"),
        ("x:\n  b: 1\n  c: 2\n  b: 3", 4, "duplicate key 'b'"),
        ("a: 1.5", 1, "1.5 is not allowed"),
        ("a: 1e3", 1, "not allowed"),
        ("a: .5", 1, "not allowed"),
        ("a: .inf", 1, "not allowed"),
        ("a: -.NaN", 1, "not allowed"),
        (f"a: 1\nb: {WALLET}", 2, "not allowed"),
        ("a: 9007199254740992", 1, "outside"),
        (f"a: {'9' * 5000}", 1, "outside"),
        ("a: &x 1\nb: *x", 1, "anchors"),
        ("a: *x", 1, "anchors"),
        ("a: !!python/object/apply:os.system [id]", 1, "tag"),
        ("a: !!str 1", 1, "tag"),
        ("1: a", 1, "key"),
        ("? [a]\n: b", 1, "key"),
        ("true: a", 1, "key"),
        ("a: [1", 2, "expected"),
        ("a:\n  " + "[" * 100_000, 2, "nested too deeply"),
        ("\n" + "- " * 100_000 + "a", 2, "nested too deeply"),
        ("a: 1\n\tb: 2", 2, "cannot start any token"),
        ("---\na: 1\n---\na: 2", 3, "another document"),
    ],
)
def test_what_is_not_allowed_is_named_with_its_line(text: str, line: int, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_yaml(f"{text}\n".encode(), "scopes/x.yaml")
    assert (caught.value.path, caught.value.line) == ("scopes/x.yaml", line)
    assert says in caught.value.message


@pytest.mark.parametrize("data", [b"a: \xff", b"a: \x00", b"\xfe\xff\x00a", b"{" * 100_000, b"? " * 100_000])
def test_hostile_bytes_are_an_error_and_nothing_worse(data: bytes) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_yaml(data, "ledger.yaml")
    assert caught.value.path == "ledger.yaml"


@given(st.binary(max_size=200) | st.text("{}[]:-?!&*'\"|>#% \n\tab01.", max_size=80).map(str.encode))
def test_any_bytes_give_a_value_or_a_config_error(data: bytes) -> None:
    try:
        parse_yaml(data, "x.yaml")
    except ConfigError as error:
        assert error.path == "x.yaml"


def test_who_changes_what_was_read_changes_nobody_elses_reading() -> None:
    first, second = (parse_yaml(b"people:\n  - ann\n", "f.yaml") for _ in range(2))
    assert isinstance(first, dict) and first == second
    first["people"].append("ben")
    assert second == parse_yaml(b"people:\n  - ann\n", "f.yaml") == {"people": ["ann"]}


def test_a_missing_file_and_a_linked_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="missing"):
        load_yaml(tmp_path, "ledger.yaml")
    (tmp_path / "real.yaml").write_text("a: 1\n", "utf-8")
    (tmp_path / "ledger.yaml").symlink_to("real.yaml")
    with pytest.raises(Exception, match="symbolic links"):
        load_yaml(tmp_path, "ledger.yaml")


def test_an_address_without_quotes_is_refused_where_it_stands() -> None:
    text = f"scope_id: default\napprovers:\n  - id: ann\n    wallets: [{WALLET}]\n"
    with pytest.raises(ConfigError) as caught:
        ScopeSettings.load(parse_yaml(text.encode(), "scopes/default.yaml"), "scopes/default.yaml")
    assert caught.value.line == 4
