"""Which threads a guild's channels have: two lists, active and archived, between which threads move while we read.

The active ones are asked for before and after the archives. So a thread that somebody wakes meanwhile stands in the
second answer, one that is archived meanwhile in the first, and none falls between the lists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ledger.core.errors import SourceError
from ledger.core.values import Timestamp
from ledger.sources.discord import walk
from ledger.sources.discord.session import Denied, Session
from ledger.sources.discord.walk import Archive

Thread = Mapping[str, Any]


class Threads:
    """All threads of a guild, read together at the first question. `kinds`: which archives each channel has to read."""

    def __init__(
        self, session: Session, guild: str, active: Sequence[Thread], kinds: Mapping[int, Sequence[str]]
    ) -> None:
        self._session, self._guild, self._kinds = session, guild, kinds
        self._active = {int(thread["id"]): thread for thread in active}
        self._archives: dict[int, Archive | SourceError] = {}
        self._since: Timestamp | None = None

    def of(self, channel: int, since: Timestamp, *, sure: bool) -> Archive:
        """The threads of a channel that may hold a message from `since` on, and in words what could not be listed.

        `sure`: ask twice more before believing in an empty archive. Raises SourceError where the archive was not given.
        """
        if self._since is None or since < self._since:
            self._read(since)
        archive = self._archives[channel]
        if isinstance(archive, SourceError):
            raise archive
        if sure and not archive.threads and not archive.gaps:
            archive = self._archives[channel] = self._archived(channel, since, sure=True)
        mine = {number: dict(t) for number, t in self._active.items() if int(t["parent_id"]) == channel}
        return Archive(archive.threads | mine, archive.gaps)

    def _read(self, since: Timestamp) -> None:
        for channel in self._kinds:
            try:
                self._archives[channel] = self._archived(channel, since, sure=False)
            except SourceError as error:
                self._archives[channel] = error  # its own channel tells it; the others go on
        self._active |= {int(thread["id"]): thread for thread in self._session.active_threads(self._guild)}
        self._since = since

    def _archived(self, channel: int, since: Timestamp, *, sure: bool) -> Archive:
        found = Archive()
        for kind in self._kinds[channel]:
            try:
                archive = walk.archived(self._session, channel, kind, since, sure=sure)
            except Denied as error:
                found.gaps.append(error.message)
            else:
                found.threads |= archive.threads
                found.gaps += archive.gaps
        return found
