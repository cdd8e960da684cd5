"""What core imports is read from its code, in whatever way an import is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.flows import purity


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("import re\nfrom ledger.core import place\n", []),
        ("import socket\n", ["socket"]),
        ("import re; import socket\n", ["socket"]),
        ("import re, socket\n", ["socket"]),
        ("from socket import create_connection\n", ["socket"]),
        ("from socket import(create_connection)\n", ["socket"]),
        ("from socket \\\n import re\n", ["socket"]),
        ("def late():\n\timport socket\n", ["socket"]),
        ("from ledger.store import node\n", ["ledger.store"]),
        ("from . import place\n", [""]),
        ('"""\nimport socket\n"""\nimport re\n', []),
    ],
)
def test_an_import_is_seen_however_it_is_written(
    text: str, named: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "module.py").write_text(text, "utf-8")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/inside.py").write_text(text, "utf-8")
    monkeypatch.setattr(purity, "files", lambda _: tmp_path)
    places = ("ledger/core/folder/inside.py", "ledger/core/module.py")
    assert list(purity.impure_imports.__wrapped__()) == [(place, name) for place in places for name in named]
