"""Read a node with the epochs in progress that lie on branches: so a clone of main shows what is going on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

from ledger.flows.session import Session, open_session
from ledger.store.branches import epoch_refs as epoch_refs  # for those who look for one branch
from ledger.store.branches import missing_here, view


@contextmanager
def everywhere(session: Session) -> Iterator[Session]:
    """A session over the node and the epochs on its branches, for reading; the session itself where there are none.

    `Session.elsewhere` names the refs by epoch. What is written in it is lost.
    """
    root = session.node.root
    refs = missing_here(root)
    with view(root, refs) if refs else nullcontext(root) as there:
        if not refs:
            yield session
            return
        opened = open_session(there, session.now, environ=session.environ, actor=session.actor, tell=session.tell)
        opened = replace(opened, elsewhere={place: short(name) for place, name in refs.items()})
        try:
            yield opened
        finally:
            opened.close()


def short(ref: str) -> str:
    """A ref as people write it: `origin/epoch/default/3`."""
    return ref.removeprefix("refs/heads/").removeprefix("refs/remotes/")
