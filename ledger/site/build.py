"""Build the site: static API, pages by jinja2 (always autoescaped), frame by mkdocs, then our own checks.

Reads the node and never writes into it. The target folder is replaced as a whole: built beside, checked, renamed.
"""

from __future__ import annotations

import http.server
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jinja2

import ledger
from ledger.compute.derive import derive
from ledger.compute.engine import Engine
from ledger.core.errors import DifferenceError, InputError
from ledger.core.values import units_text
from ledger.site.api import Api
from ledger.site.check import broken_links
from ledger.site.csp import seal_page
from ledger.site.views import Contributor, EpochRow, Share, epoch_page, epoch_row, weight_history
from ledger.store.node import Node

MARKER = ".ledger-site"


@dataclass(frozen=True)
class SiteResult:
    """What was built: where, how many pages and files, how many bytes."""

    out: Path
    pages: int
    files: int
    bytes: int


def _silent(_text: str) -> None:
    return None


def build_site(
    node: Node,
    engine: Engine,
    out: Path,
    *,
    verification: Mapping[str, Any] | None,
    commit: str | None,
    tell: Callable[[str], None] = _silent,
) -> SiteResult:
    """Build everything into `out`, which is replaced in one act.

    `verification`: the data of `ledger verify --json`. Raises InputError when `out` holds something else than an
    earlier build, DifferenceError when a built page has a dead or a foreign link.
    """
    out = out.resolve()
    if out.exists() and not (out / MARKER).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise InputError("is not empty and no earlier build of the site", path=str(out), hint="Name another folder.")
    building = out.with_name(f".{out.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    docs, site = building / "docs", building / "site"
    docs.mkdir(parents=True)
    pages = _Pages(node, engine, docs, verification or {}, commit, tell)
    pages.write()
    tell("building the frame")
    _mkdocs(building, node, pages.navigation)
    for page in sorted(site.rglob("*.html")):
        page.write_text(seal_page(page.read_text("utf-8")), "utf-8")
    (site / MARKER).write_text("This folder is rebuilt by `ledger site build`.\n", "utf-8")
    if broken := broken_links(site):
        raise DifferenceError(f"{len(broken)} links of the built site are dead or lead away: {'; '.join(broken[:5])}")
    if out.exists():
        shutil.rmtree(out)
    site.rename(out)
    shutil.rmtree(building)
    sizes = [path.stat().st_size for path in out.rglob("*") if path.is_file()]
    return SiteResult(out, len(list(out.rglob("*.html"))), len(sizes), sum(sizes))


def templates_folder() -> Path:
    """Where the templates are: inside the installed package, or at the top of a clone."""
    package = Path(ledger.__file__).resolve().parent
    inside = package / "site_templates"
    return inside if inside.is_dir() else package.parent / "site_templates"


class _Pages:
    """Writes one source file for mkdocs per page; each holds ready HTML that mkdocs only frames."""

    def __init__(
        self,
        node: Node,
        engine: Engine,
        docs: Path,
        verification: Mapping[str, Any],
        commit: str | None,
        tell: Callable[[str], None],
    ) -> None:
        self._node, self._engine, self._docs = node, engine, docs
        self._reports = {(e["scope_id"], e["epoch_id"]): e for e in verification.get("epochs", [])}
        self._verified = verification.get("ok")
        self._commit, self._tell = commit, tell
        self._jinja = jinja2.Environment(
            loader=jinja2.FileSystemLoader(templates_folder() / "pages"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._jinja.filters["units"] = units_text
        self.navigation: list[dict[str, str]] = []

    def write(self) -> None:
        """Every page and every file of the API."""
        node, api = self._node, Api(self._docs)
        contributors = self._contributors()
        rows: list[EpochRow] = []
        weights = []
        for scope_id in node.scopes:
            folders = node.epochs(scope_id)
            for folder in folders:
                self._tell(f"page of {scope_id}/{folder.epoch_id}")
                stored = folder.statement()
                size = stored.identities.size if stored else None
                derived = derive(self._engine, node, folder, identities_size=size)
                report = self._reports.get((scope_id, folder.epoch_id))
                names = {user_id: person.name for user_id, person in contributors.items()}
                page = epoch_page(node, folder, derived, names, len(folders), report, self._commit)
                row = epoch_row(page)
                rows.append(row)
                weights.append((scope_id, folder.epoch_id, row.start, page.policy, page.weights))
                for line in page.people:
                    share = Share(row, line.payout, line.units, line.event_count, line.override_reason)
                    contributors.setdefault(line.user_id, Contributor(line.user_id, line.name)).shares.append(share)
                self._page(page.path, f"Epoch {scope_id} {folder.epoch_id}", "epoch.html", page=page, depth=3)
                api.epoch(folder, derived, page.state, report)
        people = sorted(contributors.values(), key=lambda person: (-person.final_credits, person.user_id))
        for person in people:
            title = f"Contributor {person.user_id[:8]}"
            self._page(f"contributors/{person.user_id}", title, "contributor.html", person=person, depth=2)
        listed = [{"name": p.name, "user_id": p.user_id, "final_credits": str(p.final_credits)} for p in people]
        api.finish(node, listed, self._commit)
        scopes = list(node.scopes.values())
        common = {"node": node.settings, "scopes": scopes, "rows": rows, "commit": self._commit}
        self._page("index", "Home", "home.html", depth=0, verified=self._verified, people=people, **common)
        self._page("epochs/index", "Epochs", "epochs.html", depth=1, **common)
        self._page("contributors/index", "Contributors", "contributors.html", people=people, depth=1)
        now = {scope.scope_id: node.weight_policy(scope.weights).weights for scope in scopes}
        self._page("policy", "Policy", "policy.html", depth=1, now=now, history=weight_history(weights), **common)
        self._page("check", "How to check", "check.html", depth=1, **common)
        self.navigation = [
            {"Home": "index.md"},
            {"Epochs": "epochs/index.md"},
            {"Contributors": "contributors/index.md"},
            {"Policy": "policy.md"},
            {"How to check": "check.md"},
        ]
        made_by = shutil.ignore_patterns("build", "*.md", "package*.json")  # how assets were made is not published
        shutil.copytree(templates_folder() / "assets", self._docs / "assets", ignore=made_by)

    def _contributors(self) -> dict[str, Contributor]:
        """Users by id, named by the last login that a binding carries, with the accounts bound now."""
        found: dict[str, Contributor] = {}
        for line in self._node.bindings():
            person = found.setdefault(line.user_id, Contributor(line.user_id, line.user_id[:8]))
            account = (line.provider, line.external_id, line.login or "")
            person.accounts = [known for known in person.accounts if known[:2] != account[:2]]
            if line.action == "bind":
                person.accounts.append(account)
                person.name = line.login or person.name
        return found

    def _page(self, path: str, title: str, template: str, *, depth: int, **values: object) -> None:
        """One page: `title` is ours, never text from outside; `up` leads from the page to the site's top."""
        html = self._jinja.get_template(template).render(up="../" * depth, **values)
        target = self._docs / f"{path}.md"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"---\ntitle: {title}\nhide: [toc, navigation]\n---\n", "utf-8")
        target.with_suffix(".body").write_text(html, "utf-8")


def _mkdocs(building: Path, node: Node, navigation: list[dict[str, str]]) -> None:
    """Frame the pages; strict, so that mkdocs' own warnings stop the build."""
    import yaml

    folder = templates_folder()
    settings = yaml.safe_load((folder / "mkdocs.yml").read_text("utf-8"))
    settings |= {
        "site_name": node.settings.name,
        "site_url": node.settings.site_url or None,
        "docs_dir": str(building / "docs"),
        "site_dir": str(building / "site"),
        "nav": navigation,
        "hooks": [str(folder / "hooks.py")],
    }
    settings["theme"]["custom_dir"] = str(folder / "theme")
    config = building / "mkdocs.yml"
    config.write_text(yaml.safe_dump(settings), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", str(config)],
        env={
            **os.environ,
            "SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH", "0"),
            "DISABLE_MKDOCS_2_WARNING": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith(("WARNING", "ERROR", "Aborted"))]
        raise InputError(f"mkdocs refused the site: {'; '.join(said[:5]) or done.stderr[-500:]}")


def serve_site(out: Path, port: int) -> None:
    """Serve a built site on the loopback address until interrupted."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(out))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        server.serve_forever()
