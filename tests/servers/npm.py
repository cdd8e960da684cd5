"""Other people's tools from npm, pinned by hash in a lock below `tests/npm` and installed once into a cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

LOCKS = Path(__file__).parents[1] / "npm"
HOME = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ledger-tests"


@cache
def installed(lock: Path = LOCKS) -> Path:
    """The folder `node_modules` with the tools that the lock in this folder pins, installed once a lock file."""
    name = hashlib.sha256((lock / "package-lock.json").read_bytes()).hexdigest()[:16]
    HOME.mkdir(parents=True, exist_ok=True)
    folder = HOME / f"npm-{name}"
    with (HOME / f"npm-{name}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not folder.is_dir():
            scratch = Path(tempfile.mkdtemp(dir=HOME))
            for each in ("package.json", "package-lock.json"):
                shutil.copy2(lock / each, scratch)
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
            subprocess.run(command, cwd=scratch, check=True)
            scratch.rename(folder)
    return folder / "node_modules"
