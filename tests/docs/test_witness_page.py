"""What docs/witness.md tells strangers to run does what it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ledger.core.attest import attested_text
from ledger.flows.attest import attest, attestable, message
from tests.nodes import at, golden_copy, signature

PAGE = (Path(__file__).resolve().parents[2] / "docs/witness.md").read_text("utf-8")
SPEC = (Path(__file__).resolve().parents[2] / "docs/spec.md").read_text("utf-8")


def test_the_specification_quotes_the_text_that_is_signed(tmp_path: Path) -> None:
    with at(golden_copy(tmp_path), "2026-02-01") as session:
        statement = attestable(session, "default", 1).statement()
    assert statement is not None
    names = {"node_id": statement.node_id, "scope_id": "default", "epoch_id": "1", "tool": "a-tool"}
    names |= {"statement_hash": statement.statement_hash, "tool_version": "2.0"}
    (quoted,) = re.findall(r"```\n(Ledger Epoch Attestation\n.*?)\n```", SPEC, re.DOTALL)
    assert quoted.format_map(names) == attested_text(statement, "a-tool", "2.0")


@pytest.mark.skipif(
    shutil.which("jq") is None and not os.environ.get("CI"), reason="jq is not installed here; .ci/run installs it"
)
def test_the_jq_command_of_the_page_rebuilds_the_text_that_was_signed(tmp_path: Path) -> None:
    root = golden_copy(tmp_path)
    with at(root, "2026-02-01") as session:
        folder = attestable(session, "default", 1)
        text = message(session, folder)
        attest(session, folder, signature(text, "eve"))
    (block,) = re.findall(r"```sh\n(sha256sum statement.json .*?)```", PAGE, re.DOTALL)
    commands = block.replace("cast wallet verify --address", "printf '%s\\n%s\\n%s'")
    done = subprocess.run(
        ["bash", "-euc", commands], cwd=root / folder.relative, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    line = folder.attestations()[0]
    hashed, rest = done.stdout.split("\n", 1)
    assert hashed.split()[0] == line.statement_hash
    assert rest == f"{line.signer_wallet}\n{text}\n{line.signature}"
