"""The issue "Set up this ledger" of a repository that was made from the template: a checklist that ticks itself.

Its boxes are what `ledger doctor` knows. What a job's token may not see stays with people: a box that somebody ticked
there stays ticked. One issue, written by the ledger's own account and rewritten where something changed; it is closed
when every box is ticked, and none is opened where the ledger is switched on.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ledger.core.install import install_line
from ledger.flows.session import Session
from ledger.flows.start import TEMPLATE_NODE, quoted
from ledger.forge.conversation import read_own_issues
from ledger.forge.doctor import Item, local_items, remote_items
from ledger.forge.github import Forge
from ledger.forge.markdown import block, code, one_line

SETUP_LABEL = "ledger:setup"
TITLE = "Set up this ledger"
_TICKED = re.compile(r"^- \[[xX]\] \*\*(.+?)\*\*", re.M)
_PLACES = {
    "actions": "settings/actions",
    "allowed": "settings/actions",
    "enabled": "actions",
    "ruleset": "settings/rules",
    "pages": "settings/pages",
    "environments": "settings/environments",
    "secrets": "settings/environments",
    "labels": "labels",
    "approvers": "settings/access",
    "owners": "settings/access",
}
"""Where a person looks at what the token may not see, by the check's name."""


@dataclass(frozen=True, slots=True)
class Checklist:
    """What became of the issue: its number (None where there is none), and how many boxes are open."""

    issue: int | None
    open: int
    closed: bool = False


def bring_checklist(session: Session, forge: Forge, environ: Mapping[str, str]) -> Checklist:
    """Open the issue, rewrite it, or close it, as what is switched on says.

    `LEDGER_REPOSITORY` in the environment is the repository's variable, which a job is told but may not ask for.
    """
    about = forge.rest("GET", "")
    if about.get("is_template") is True:
        return Checklist(None, 0)
    switched = environ.get("LEDGER_REPOSITORY", "")
    standing = [number for number, title in read_own_issues(forge, SETUP_LABEL) if title == TITLE]
    if not standing and switched == forge.name:
        return Checklist(None, 0)
    before = str(forge.rest("GET", f"issues/{standing[0]}").get("body") or "") if standing else ""
    items = [*local_items(session), *(_known(item, switched, forge.name) for item in remote_items(session, forge))]
    ticked = set(_TICKED.findall(before))
    marks = [item.verdict == "ok" or (item.verdict == "unknown" and item.name in ticked) for item in items]
    own = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{forge.url}#{int(about['id'])}"))
    body = _body(session, forge, own, list(zip(items, marks, strict=True)))
    if not standing:
        made = forge.rest("POST", "issues", {"title": TITLE, "body": body, "labels": [SETUP_LABEL]})
        return Checklist(int(made["number"]), marks.count(False))
    if before.replace("\r\n", "\n").strip() != body.strip():
        forge.rest("PATCH", f"issues/{standing[0]}", {"body": body})
    if all(marks):
        forge.rest("PATCH", f"issues/{standing[0]}", {"state": "closed"})
    return Checklist(standing[0], marks.count(False), all(marks))


def _known(item: Item, switched: str, name: str) -> Item:
    """The one item that the run itself is told."""
    if item.name not in ("variable", "switched on"):
        return item
    how = f"Last of all: Settings → Variables → Actions: LEDGER_REPOSITORY with the value {name}."
    holds = switched == name
    return replace(
        item, name="switched on", verdict="ok" if holds else "missing", found=switched or "not yet",
        how="" if holds else how,
    )  # fmt: skip


def _body(session: Session, forge: Forge, own: str, boxes: Sequence[tuple[Item, bool]]) -> str:
    done = sum(mark for _, mark in boxes)
    settings = session.node.settings
    text = (
        f"{done} of {len(boxes)} done. `ledger setup` does everything that an API allows, from one terminal: "
        f"`{install_line('all')}`, `gh auth login`, then `ledger setup` in a clone. By hand, box by box, "
        f"[docs/operate.md]({forge.url}/blob/main/docs/operate.md) says how. The boxes tick themselves, daily and "
        "whenever `main` moves; tick yourself what only an administrator sees.\n\n"
    )
    if settings.node_id == TEMPLATE_NODE or not settings.repository:
        owner, _, name = forge.name.partition("/")
        lines = (
            f'node_id: "{own}"',
            f"name: {quoted(name)}",
            f"site_url: {quoted(f'https://{owner.lower()}.github.io/{name}/')}",
            f"repository: {quoted(forge.name)}",
        )
        text += (
            f"First the files, in the browser: [ledger.yaml]({forge.url}/edit/main/ledger.yaml) gets these lines in "
            f"place of its own,\n\n{block(chr(10).join(lines))}\n\n"
            f"then each file of [scopes/]({forge.url}/tree/main/scopes) its approvers and sources, and "
            f"[CODEOWNERS]({forge.url}/edit/main/.github/CODEOWNERS) whose review a change needs.\n\n"
        )
    return text + "\n".join(_box(forge, item, mark) for item, mark in boxes) + "\n"


def _box(forge: Forge, item: Item, mark: bool) -> str:
    line = f"- [{'x' if mark else ' '}] **{item.name}**"
    if item.verdict == "unknown":
        place = _PLACES.get(item.name)
        where = f"[Look]({forge.url}/{place}), or run `ledger doctor`" if place else "`ledger doctor` tells"
        return f"{line}: only an administrator sees it. {where}; then tick this box."
    if item.verdict == "ok":
        return line
    return f"{line}: {code(one_line(item.found))}. {one_line(item.how)}"
