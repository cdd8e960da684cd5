"""Machines are told from people by what they write under, never by what they are called."""

from __future__ import annotations

import re

import pytest

from ledger.sources.machines import MARKED, kept


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("noreply@anthropic.com", "claude"),
        ("NoReply@Anthropic.com", "claude"),
        ("198982749+Copilot@users.noreply.github.com", "copilot"),
        ("198982749+renamed@users.noreply.github.com", "copilot"),
        ("cursoragent@cursor.com", "cursor"),
        ("crush@charm.land", "crush"),
        ("noreply@opencode.ai", "opencode"),
        ("qwen-coder@alibabacloud.com", "qwen_code"),
        ("agent@warp.dev", "warp"),
        ("bot@renovateapp.com", "renovate"),
        ("noreply@weblate.org", "weblate"),
        ("action@github.com", "github_action"),
        ("1+anything[bot]@users.noreply.github.com", MARKED),
        ("kate.copilot@example.org", None),
        ("77+Copilot-fan@users.noreply.github.com", None),
        ("claude@example.fr", None),
        ("bot@example.org", None),
    ],
)
def test_an_address_names_its_machine_and_nobody_elses(address: str, key: str | None) -> None:
    assert kept().of_address(address) == key


@pytest.mark.parametrize(
    ("number", "login", "key"),
    [
        (81847, "claude", "claude"),
        (81847, "renamed", "claude"),
        (None, "Copilot", "copilot"),
        (5, "some-app[bot]", MARKED),
        (5, "kate-copilot", None),
        (None, None, None),
    ],
)
def test_an_account_on_github_goes_by_number_then_login(number: int | None, login: str | None, key: str | None) -> None:
    assert kept().of_github(number, login) == key


def test_a_display_name_says_nothing_but_by_the_mark() -> None:
    assert kept().of_name("Kate Copilot") is kept().of_name("Claude") is kept().of_name("[bot] Ann") is None
    assert kept().of_name("release[bot]") == MARKED


def test_every_entry_says_where_it_comes_from_and_the_list_has_its_day() -> None:
    machines = kept()
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", machines.as_of)
    for entry in machines.entries:
        assert re.fullmatch(r"[a-z][a-z0-9_]{0,40}", entry.key), "a count in a record carries the key"
        assert entry.source.startswith("https://")
        assert entry.addresses | entry.logins
        assert all(re.fullmatch(r"[!-~]+@[a-z0-9.-]+", address) for address in entry.addresses)
    named = [address for entry in machines.entries for address in entry.addresses]
    assert len(named) == len(set(named))
    assert machines.title("claude") == "Claude"
