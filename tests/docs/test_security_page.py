"""docs/security.md names tests that exist, for every threat, and each is tried by a mutation that still applies."""

from __future__ import annotations

import ast

import pytest

from tests.security.page import PAGE, ROOT, Mutation, Row, functions, mutations, rows

ROWS, MUTATIONS = rows(), mutations()


def test_every_line_of_the_tables_is_understood() -> None:
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("|")]
    heads = [line for line in lines if line.startswith(("| # |", "| --- |"))]
    assert len(lines) - len(heads) == len(ROWS) > 40
    assert len({row.id for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_every_threat_has_a_defence_and_tests_that_exist(row: Row) -> None:
    assert row.threat and row.defence and row.tests
    for name, file in row.tests.items():
        assert name in functions(file), f"{file} has no {name}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_every_named_test_is_tried_by_a_mutation(row: Row) -> None:
    tried = {name for mutation in MUTATIONS if mutation.row == row.id for name in mutation.noticed_by}
    assert tried == set(row.tests)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: f"{mutation.row}-{mutation.edits[0].file}")
def test_a_mutation_changes_what_is_there(mutation: Mutation) -> None:
    """Code that moved takes its mutation along: one that no longer applies would prove nothing."""
    assert mutation.noticed_by and mutation.edits
    texts: dict[str, str] = {}
    for edit in mutation.edits:
        assert edit.old != edit.new
        text = texts.get(edit.file) or (ROOT / edit.file).read_text("utf-8")
        assert edit.old in text, f"{edit.file} moved on; write the mutation anew"
        texts[edit.file] = text.replace(edit.old, edit.new)
    for file, text in texts.items():
        if file.endswith(".py"):
            ast.parse(text, file)  # what cannot be loaded fails every test, and none notices what was taken away
