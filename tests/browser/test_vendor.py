"""The one library that the pages bring: what it is, how it was made, and that it is the one that was read."""

from __future__ import annotations

import hashlib
import json
import re

from tests.browser.support import ASSETS

VENDOR = ASSETS / "vendor"


def test_the_vendored_library_is_the_one_whose_hash_is_written_down() -> None:
    digest = hashlib.sha256((VENDOR / "noble.js").read_bytes()).hexdigest()
    assert (VENDOR / "noble.js.sha256").read_text("utf-8") == f"{digest}  noble.js\n"


def test_its_readme_says_how_it_was_made_and_from_which_releases() -> None:
    readme = (VENDOR / "README.md").read_text("utf-8")
    pins = json.loads((VENDOR / "build/package.json").read_text("utf-8"))
    lock = json.loads((VENDOR / "build/package-lock.json").read_text("utf-8"))["packages"]
    for name, version in (pins["dependencies"] | pins["devDependencies"]).items():
        locked = lock[f"node_modules/{name}"]
        assert locked["version"] == version, "a pin is one release, not a range"
        assert locked["integrity"].startswith("sha512-")
    for name in ("curves", "hashes"):
        assert re.search(rf"noble-{name}\) {re.escape(pins['dependencies'][f'@noble/{name}'])}\b", readme)
    for step in ("npm ci", "npm run build", "sha256sum -c noble.js.sha256"):
        assert step in readme


def test_its_licence_lies_beside_it_and_in_it() -> None:
    assert "MIT License" in (VENDOR / "LICENSE").read_text("utf-8")
    assert "Paul Miller" in (VENDOR / "LICENSE").read_text("utf-8")
    source = (VENDOR / "noble.js").read_text("utf-8")
    assert "MIT License (c)" in source
    assert max(map(len, source.splitlines())) < 500, "it is meant to be read"
