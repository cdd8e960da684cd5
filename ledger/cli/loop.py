"""What every command over the node's repository on GitHub begins with: the loop of its clone."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.cli.options import moment
from ledger.cli.output import note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.forge.loop import Loop


@contextmanager
def loop_over(node_dir: Path | None, now: str | None) -> Iterator[Loop]:
    """The loop over the node named, or the nearest one upwards, at the repository that it names."""
    from ledger.flows.session import find_node, open_session
    from ledger.forge.github import Forge
    from ledger.forge.loop import Loop

    root, time = find_node(node_dir), moment(now)
    environ = dict(os.environ)
    named = open_session(root, time).node.settings.repository
    forge = Forge(environ, environ.get("GITHUB_REPOSITORY") or named or None)
    yield Loop(root, forge, time, environ, note)
