"""What a file of people's gets wrong is told in their words, with file, line and key; never in a library's."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.core.errors import ConfigError
from ledger.store.node import load_node
from tests.nodes import make_node

LIBRARY = ("Input should", "String should", "valid dictionary", "valid tuple", "isoformat", "ScopeSettings", "record:")


def refused(root: Path, name: str, old: str, new: str) -> ConfigError:
    path = root / name
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1) if old else new, "utf-8")
    with pytest.raises(ConfigError) as caught:
        node = load_node(root)
        for scope in node.scopes.values():
            node.weight_policy(scope.weights)
    return caught.value


@pytest.mark.parametrize(
    ("name", "old", "new", "words", "at"),
    [
        ("scopes/default.yaml", "threshold: 2", "threshold: two", "threshold: must be a whole number", "threshold:"),
        ("scopes/default.yaml", "threshold: 2", "threshold: 3", "threshold: 3 is larger than the 2 approvers", None),
        ("scopes/default.yaml", "overlap:", "overlapp:", "overlapp: unknown field", "overlapp:"),
        ("scopes/default.yaml", "curators: []", "curators: cy", "curators: must be a list", "curators:"),
        ("scopes/default.yaml", "overlap: false", "merge: later", "must be 'auto' or 'manual'", "merge:"),
        ("scopes/default.yaml", 'start: "2026-01-05"', 'start: ""', "'' is no time", "start:"),
        ("scopes/default.yaml", "", "", "is empty, or holds something else than keys and values", None),
        ("scopes/default.yaml", '- id: "ann"', '- id: "a n"', "must be a name of letters", '- id: "a n"'),
        ("ledger.yaml", 'repository: ""', "repository: https://x.example/a/b", "OWNER/NAME as on", "repository:"),
        ("ledger.yaml", "length: 7", "length: 0", "epoch.length: must be at least 1", "length:"),
        ("weights/default.yaml", "weights:", "weight:", "missing field", None),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_told_in_words_with_its_line(
    tmp_path: Path, name: str, old: str, new: str, words: str, at: str | None
) -> None:
    root = make_node(tmp_path / "node")
    if not old:
        (root / name).write_text("", "utf-8")
        error = refused(root, name, "", "")
    else:
        error = refused(root, name, old, new)
    assert words in str(error) and error.path == name
    assert not [word for word in LIBRARY if word in str(error)]
    lines = (root / name).read_text("utf-8").splitlines()
    if at is not None:
        assert error.line is not None and at in lines[error.line - 1]
