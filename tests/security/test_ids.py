"""Ids are printable ASCII, so that no two of them look alike and none of them is a path."""

from __future__ import annotations

import pytest

from ledger.core.errors import FormatError
from tests.core.samples import record

TWINS = ["github:pr:acme/widgets:4２", "github:pr:аcme/widgets:42", "a\u200bb", "a\u00a0b", "é", "a b", "a\u202eb", ""]


@pytest.mark.parametrize("twin", TWINS)
def test_an_id_is_printable_ascii(twin: str) -> None:
    for name, field in [("event", "id"), ("curation", "event_id"), ("event", "platform_user_id")]:
        with pytest.raises(FormatError, match=field):
            record(name, **{field: twin})


@pytest.mark.parametrize("scope_id", ["../x", "a/b", "A", "-a", "a\n", "ａ", "", "a" * 64, "."])
def test_a_scope_id_is_never_a_path(scope_id: str) -> None:
    with pytest.raises(FormatError, match="scope_id"):
        record("statement", scope_id=scope_id)
