"""Other ledgers as the site shows them: what was found of each, and what our people got there, as theirs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ledger.store.peers import Found, Peer, SamePerson, read_found, read_peers


@dataclass(frozen=True, slots=True)
class PeerView:
    """A peer and what was found when it last verified; None where that was not kept."""

    peer: Peer
    found: Found | None


def peer_views(root: Path) -> list[PeerView]:
    """All peers of a node; ConfigError for files that are none."""
    return [PeerView(peer, read_found(root, peer)) for peer in read_peers(root)]


def theirs_of(peers: Iterable[PeerView], accounts: Iterable[tuple[str, str, str]]) -> list[tuple[PeerView, SamePerson]]:
    """What somebody with these accounts (provider, id, name; bound now) got in each peer. Never added to ours."""
    mine = {(provider, account) for provider, account, _ in accounts}
    return [
        (view, one)
        for view in peers
        for one in (view.found.people if view.found else ())
        if (one.provider, one.external_id) in mine
    ]
