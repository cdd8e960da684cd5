"""Which addresses may become links: stored ones of a harmless shape, and those rebuilt here from checked parts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from ledger.core.place import Place

_HARMLESS = re.compile(r"https?://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?(?:[/?#][!#-;=?-_a-~]*)?")
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def safe_link(address: str) -> str | None:
    """`address` when it is a plain http(s) link: ASCII host, no user name, no quotes, spaces or control characters.

    None otherwise (`javascript:`, `data:`, `https://good@evil`, Cyrillic twins): it is then shown as text.
    """
    return address if _HARMLESS.fullmatch(address) else None


@dataclass
class Repository:
    """Where the node lies on GitHub. Every address is None when `name` (owner/name) or what else it needs is missing.

    `commit`: what the site is built from, or while a page is made what stands for it. `prefix`: the node's place
    inside the repository, empty or ending in `/`.
    """

    name: str = ""
    commit: str | None = None
    prefix: str = ""

    @property
    def _root(self) -> str | None:
        return f"https://github.com/{self.name}" if _REPOSITORY.fullmatch(self.name) else None

    def line(self, path: str, number: int) -> str | None:
        """Line `number` (from 1) of the node's file `path`, as it stands at the commit, for ever."""
        blob = self.at(self.commit)
        return blob and f"{blob.replace('/commit/', '/blob/')}/{quote(self.prefix + path)}#L{number}"

    def at(self, commit: str | None) -> str | None:
        """A commit's own page."""
        if self._root is None or commit is None or not _COMMIT.fullmatch(commit):
            return None
        return f"{self._root}/commit/{commit}"

    def question(self, scope_id: str, epoch_id: int, person: str = "", event: str = "") -> str | None:
        """The form that asks about an epoch (`.github/ISSUE_TEMPLATE/question.yml`), filled in as far as is known."""
        fields = {"template": "question.yml", "scope": scope_id, "epoch": epoch_id, "person": person, "event": event}
        if (root := self._root) is None:
            return None
        return f"{root}/issues/new?{urlencode({name: value for name, value in fields.items() if value})}"

    @property
    def vouching(self) -> str | None:
        """The form in which somebody vouches for work (`.github/ISSUE_TEMPLATE/vouch.yml`)."""
        return self._root and f"{self._root}/issues/new?template=vouch.yml"

    def review(self, scope_id: str, epoch_id: int, version: int = 1) -> str | None:
        """The pull requests of the branch of an epoch, or of a later version of it: one for its whole life."""
        wanted = urlencode({"q": f"is:pr head:{Place(scope_id, epoch_id, version).branch}"}, safe=":/")
        return self._root and f"{self._root}/pulls?{wanted}"
