"""What comes out of the printer: each sheet says of which ledger, scope and epoch it is, and which page of how many."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.browser.support import needs_browser, served, watched

pytestmark = needs_browser


def sheets(page: Any, path: Path) -> list[str]:
    """The text of each sheet of the page as it is printed on A4."""
    if shutil.which("pdftotext") is None:
        assert not os.environ.get("CI"), "pdftotext is missing; .ci/run installs it"
        pytest.skip("needs pdftotext (Debian: apt-get install poppler-utils)")
    page.pdf(path=path, format="A4", prefer_css_page_size=True)
    text = subprocess.run(["pdftotext", "-layout", str(path), "-"], check=True, capture_output=True, text=True).stdout
    return text.removesuffix("\f").split("\f")


def test_each_sheet_of_an_epoch_says_whose_it_is_and_which(
    browser: Any, sites: dict[str, Path], tmp_path: Path
) -> None:
    cases = [
        ("golden", "epochs/default/1/", "Example ledger · The cooperative"),
        ("hostile", "epochs/default/1/", '"><img src=x onerror'),
    ]
    for name, address, ledger in cases:
        with served(sites[name]) as origin, watched(browser) as seen:
            seen.page.goto(origin + address)
            found = sheets(seen.page, tmp_path / f"{name}.pdf")
            assert len(found) > 1, "one sheet shows nothing about the second"
            for number, text in enumerate(found, 1):
                said = " ".join(text.split())
                assert ledger in said, f"sheet {number} of {name} does not name its ledger"
                assert re.search(r"· epoch 1 · statement [0-9a-f]{16}…", said), (
                    f"sheet {number} of {name}: {said[:200]}"
                )
                assert f"page {number} of {len(found)}" in said
            assert "Who gets what" in found[0]
            assert "Recheck in this browser" not in "".join(found)
