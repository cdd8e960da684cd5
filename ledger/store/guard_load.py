"""Does the node load after the change? Its settings are laid out as on disk and loaded as every command loads them.

Nothing is looked for by name: what the loader would stumble over (a folder, a file too many, one too few) is a finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ledger.core.errors import LedgerError
from ledger.core.evaluate import Finding
from ledger.store import layout
from ledger.store.guard_findings import as_finding
from ledger.store.node import Node, load_node
from ledger.store.scratch import Scratch
from ledger.store.trees import NodeFiles, Tree

Check = Callable[[Node], Iterable[LedgerError]]
"""What else a run asks of the settings before it does anything, where that is known further out (sources, routes)."""
_SETTINGS = ("scopes/", "weights/")


def load_findings(tree: Tree, prefix: str, also: Check | None) -> Iterator[Finding]:
    """The first error of each kind that a run over the node in `tree` would end with."""
    files = NodeFiles(tree, prefix)
    with Scratch() as root:
        try:
            for path in (entry.removeprefix(prefix) for entry in tree.entries if entry.startswith(prefix)):
                if path == layout.NODE_FILE or path.startswith(_SETTINGS):
                    _lay_out(root, path, files)
            node = load_node(root)
            for scope in node.scopes.values():
                _lay_out(root, scope.weights, files)
                node.weight_policy(scope.weights)
        except LedgerError as error:
            yield as_finding(error)
            return
        for found in also(node) if also is not None else ():
            yield as_finding(found)


def _lay_out(root: Path, path: str, files: NodeFiles) -> None:
    """The file as a checkout would put it there; what is no plain file becomes a folder, which no loader reads."""
    target, data = root / path, files(path)
    if data is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    elif path in files:
        target.mkdir(parents=True, exist_ok=True)
