"""Build the site: static API, pages (`render.py`), frame by mkdocs, then our own checks.

Reads the node and never writes into it. The target folder is replaced as a whole: built beside, checked, renamed.
"""

from __future__ import annotations

import http.server
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import ledger
from ledger.compute.ahead import Ahead
from ledger.compute.derive import Derived, derive
from ledger.compute.engine import Engine
from ledger.compute.garbage import no_collection
from ledger.core.canonical import encode, sha256_hex
from ledger.core.errors import DifferenceError, InputError
from ledger.core.evaluate import EventOutcome
from ledger.core.kinds import NO_WORDS, kind_names
from ledger.core.values import UserId
from ledger.site.again import MARKER, Earlier, Kept, Printed, marker
from ledger.site.api import ROOT, Api
from ledger.site.cards import FOLDER as CARDS
from ledger.site.cards import write_cards
from ledger.site.check import broken_links, files_below
from ledger.site.csp import seal_alone, seal_page
from ledger.site.feeds import Entry, news, write_feeds
from ledger.site.finding import Finding
from ledger.site.frame import Framed, Shell, build_frame, list_pages, write_shell, write_source
from ledger.site.history import History
from ledger.site.links import Repository
from ledger.site.money import Instructed, ScopeMoney, book_json
from ledger.site.oddnames import odd_names
from ledger.site.paid import badge, claim_files, money_logs, paid_facts, paid_scope, plan_files, well_known
from ledger.site.peers import PeerView, peer_views, theirs_of
from ledger.site.person_events import PersonEvents
from ledger.site.receipts import ReceiptPage, Receipts, issuer_document, receipts_json
from ledger.site.render import Press, Renderer, lay_aside
from ledger.site.sharing import ABOUT, Shared, badges, colour_of, epoch_words, write_favicon
from ledger.site.views import EpochPage, EpochRow, LateLine, epoch_page, epoch_row, titles_of
from ledger.site.views_amend import credits_in_force, joined_report
from ledger.site.views_kpi import KpiLine, kpi_lines
from ledger.site.views_people import Contributor, Share
from ledger.site.views_policy import Pinned, Profile, pinned, scope_policy
from ledger.store.files import read_file
from ledger.store.node import Node
from ledger.store.once import FolderOnce, read_once
from ledger.store.payments import on_disk

SHELLS = {
    "contributors": "contributors/shell",
    "epochs": "epochs/scope/shell",
    "paid": "paid/scope/shell",
    "receipts": "receipts/shell",
    "sign": "sign/scope/shell",
}
"""For each kind of page that there are many of, where its shell is built: as deep as the pages themselves."""


@dataclass(frozen=True)
class SiteResult:
    """What was built: where, how many pages and files, how many bytes."""

    out: Path
    pages: int
    files: int
    bytes: int


Verification = Mapping[str, Any] | Callable[[], Mapping[str, Any]] | None
"""The data of `ledger verify --json`, or who waits for it: it is asked for when all figures are there."""


def _silent(_text: str) -> None:
    return None


def build_site(
    node: Node,
    engine: Engine,
    out: Path,
    *,
    verification: Verification,
    commit: str | None,
    tell: Callable[[str], None] = _silent,
    alike: Callable[[str], str] = str.casefold,
    said: Mapping[str, str] = NO_WORDS,
    reuse: Path | None = None,
) -> SiteResult:
    """Build everything into `out`, which is replaced in one act. `alike`: what a name looks like, to mark those that
    pass for others; `said`: what third parties' sources call their kinds of events, by `source:event_type`.
    `reuse`: an earlier build of one's own, whose pages are taken over where they would be the same.

    Raises InputError when `out` holds something else than an
    earlier build, DifferenceError when a built page has a dead or a foreign link.
    """
    with no_collection():
        return _build(node, engine, out.resolve(), verification, commit, tell, alike, said, _earlier(reuse, tell))


def _earlier(folder: Path | None, tell: Callable[[str], None]) -> Earlier | None:
    if folder is None:
        return None
    found = Earlier.read(folder.resolve())
    if found is None:
        tell(f"{folder} is no site that an earlier build of this version kept; every page is made anew")
    return found


def _build(
    node: Node,
    engine: Engine,
    out: Path,
    verification: Verification,
    commit: str | None,
    tell: Callable[[str], None],
    alike: Callable[[str], str],
    said: Mapping[str, str],
    earlier: Earlier | None,
) -> SiteResult:
    if out.exists() and not (out / MARKER).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise InputError("is not empty and no earlier build of the site", path=str(out), hint="Name another folder.")
    building = out.with_name(f".{out.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    docs, site = building / "docs", building / "site"
    docs.mkdir(parents=True)
    api = Api(building / "api", node, commit)
    pages = _Pages(read_once(node), engine, building, api, commit, tell, alike, said, earlier)
    pages.compute()
    checked = verification() if callable(verification) else verification or {}
    pages.render(checked)
    tell("building the frame")
    build_frame(building, templates_folder(), node.settings.name, node.settings.site_url, pages.navigation)
    cards = {}
    if node.settings.site_url:  # a picture is named by its whole address or not at all
        names = {scope_id: scope.name or scope_id for scope_id, scope in node.scopes.items()}
        letters = templates_folder() / "cards/Inter-SemiBold-latin.ttf"
        colour, folder = colour_of(node.node_id), building / "api" / CARDS
        cards = write_cards(folder, letters, colour, node.settings.name, names, pages.rows, tell)
    shared = Shared(node.settings.name, node.settings.site_url, cards)
    for page in sorted(site.rglob("*.html")):
        if page.parent.relative_to(site).as_posix() not in SHELLS.values():
            text = shared.told(page.read_text("utf-8"), page.parent.relative_to(site).as_posix())
            page.write_text(seal_page(text), "utf-8")
    if not node.settings.site_url:  # nobody knows at which address, so that the frame's own page would lead astray
        (site / "404.html").write_text(seal_alone(pages.lost), "utf-8")
    shells = {kind: Shell(site, path) for kind, path in SHELLS.items()}
    kept: dict[str, Kept] = {}
    for framed in pages.framed:
        where = shells[framed.path.partition("/")[0]].fill(site, framed, shared)
        kept[framed.path] = Kept(*pages.printed[framed.body][:2], *where)
    list_pages(site, node.settings.site_url)
    (site / ".well-known").mkdir()
    (site / ".well-known" / "contribution-ledger.json").write_bytes(pages.well_known)
    if (document := issuer_document(node)) is not None:
        (site / document[0]).write_bytes(document[1])
    for name, feed in write_feeds(node.settings, pages.news).items():
        (site / name).write_bytes(feed)
    _move_below(building / "api", site)
    (site / MARKER).write_bytes(marker(commit, kept))
    sizes = _write_index(site, api.files, {"commit": commit, "node_id": node.node_id})
    tell("checking links")
    if broken := broken_links(site):
        raise DifferenceError(f"{len(broken)} links of the built site are dead or lead away: {'; '.join(broken[:5])}")
    if out.exists():
        shutil.rmtree(out)
    site.rename(out)
    shutil.rmtree(building)
    return SiteResult(out, sum(path.endswith(".html") for path in sizes), len(sizes), sum(sizes.values()))


def _move_below(source: Path, target: Path) -> None:
    """Everything in `source` into `target`, a whole folder at a time where there is none of its name yet."""
    for path in source.iterdir():
        place = target / path.name
        if place.is_dir():
            _move_below(path, place)
        else:
            path.rename(place)


def _write_index(site: Path, known: Mapping[str, tuple[int, str]], head: Mapping[str, Any]) -> dict[str, int]:
    """`index.json`: every file of the site but itself and our marker, with size and SHA-256; returns the sizes."""
    found = dict(known)
    for name in files_below(site):
        if name != MARKER and name not in found:
            data = (site / name).read_bytes()
            found[name] = (len(data), sha256_hex(data))
    files = [{"path": name, "sha256": digest, "size": size} for name, (size, digest) in sorted(found.items())]
    data = encode({**head, "files": files}) + b"\n"
    (site / ROOT / "index.json").write_bytes(data)
    return {name: size for name, (size, _) in found.items()} | {f"{ROOT}/index.json": len(data)}


def templates_folder() -> Path:
    """Where the templates are: inside the installed package, or at the top of a clone."""
    package = Path(ledger.__file__).resolve().parent
    inside = package / "site_templates"
    return inside if inside.is_dir() else package.parent / "site_templates"


class _Pages:
    """Writes the API and, for every page, ready HTML that mkdocs or a shell only frames."""

    def __init__(
        self,
        node: Node,
        engine: Engine,
        building: Path,
        api: Api,
        commit: str | None,
        tell: Callable[[str], None],
        alike: Callable[[str], str],
        said: Mapping[str, str],
        earlier: Earlier | None,
    ) -> None:
        self._node, self._engine, self._api = node, engine, api
        self._docs, self._bodies = building / "docs", building / "bodies"
        self._embedded = building / "api/embed"
        self._computed: list[tuple[str, EpochRow, Path]] = []
        self._pins: dict[str, list[Pinned]] = {}
        self._late: list[LateLine] = []
        self._kpis: list[KpiLine] = []
        self._witnesses: dict[str, set[str]] = {}
        self._commit, self._tell, self._earlier = commit, tell, earlier
        self._history = History(node.root)
        self._profiles: dict[str, Profile] = {}
        self.navigation: list[dict[str, str]] = []
        self.framed: list[Framed] = []
        self.news: list[Entry] = []
        self.printed: Mapping[Path, Printed] = {}
        self._contributors = self._everyone()
        self._names = {user_id: person.name for user_id, person in self._contributors.items()}
        self._finding = Finding(node, building, self._names)
        self._events = PersonEvents(building / "person_events")
        self._money = {scope_id: ScopeMoney(node, scope_id) for scope_id in node.scopes}
        self._scopes_paid = [paid_scope(node, money, self._names) for money in self._money.values()]
        self._receipts = Receipts(node)
        self._peers: list[PeerView] = peer_views(node.root)
        self._bodies.mkdir()
        repository = Repository(node.settings.repository, commit, self._history.prefix)
        scope_names = {scope_id: scope.name or scope_id for scope_id, scope in node.scopes.items()}
        kinds = kind_names((node.weight_policy(scope.weights) for scope in node.scopes.values()), said)
        api.put_json("kinds.json", kinds)
        self._odd = odd_names(self._names, alike)
        api.put_json("odd-names.json", self._odd)
        self._renderer = Renderer(
            templates_folder() / "pages",
            repository,
            scope_names,
            self._names,
            kinds,
            node.settings.name,
            f"{node.settings.site_url.rstrip('/')}/" if node.settings.site_url else "",
            self._odd,
        )

    def compute(self) -> None:
        """Every epoch's files of the API; its page's view is laid aside until the verdicts are in."""
        last: dict[str, tuple[Derived, list[EventOutcome]]] = {}
        for scope_id in self._node.scopes:
            folders = self._node.epochs(scope_id)
            ahead = Ahead(self._engine, self._node, folders)
            for folder in folders:
                self._tell(f"computing {scope_id}/{folder.epoch_id}")
                stored = folder.statement()
                derived = derive(ahead, self._node, folder, stated=stored)
                outcomes = list(derived.loaded.outcomes())
                page = epoch_page(self._node, folder, derived, self._names, len(folders), None, self._commit, outcomes)
                if page.state == "finalized":
                    last[scope_id] = (derived, outcomes)
                titles = titles_of(folder)
                corrected = credits_in_force(folder)
                self._finding.saw(page, derived.evaluation.allocations, outcomes, titles, corrected)
                for outcome in outcomes:
                    self._receipts.saw(scope_id, folder.epoch_id, outcome)
                self._events.saw(scope_id, folder.epoch_id, page.statement.period_start, outcomes, titles)
                self._api.epoch(folder, derived, page.state, outcomes)
                self.news += news(page.scope_name, page.statement, folder.transitions())
                self._remember(page, corrected)
                if isinstance(folder, FolderOnce):
                    folder.forget()
            if scope_id in last:
                self._profiles[scope_id] = Profile.of(*last.pop(scope_id))
        for person in self._contributors.values():
            person.event_count = self._events.count(person.user_id)

    def _remember(self, page: EpochPage, corrected: Mapping[str, int] | None) -> None:
        """What other pages show of an epoch; its own view is laid aside. `corrected`: credits of another version."""
        row = epoch_row(page)
        self._pins.setdefault(page.scope_id, []).append(pinned(page))
        self._late += page.late_lines
        self._kpis += kpi_lines(page)
        self._witnesses.setdefault(page.scope_id, set()).update(line.signer_wallet for line in page.attestations)
        for line in page.people:
            payout = line.payout
            share = Share(row, payout.amount_credits, payout.share, line.units, line.event_count, line.override_reason)
            if corrected is not None:
                share = replace(share, corrected=corrected.get(line.user_id, 0))
            self._contributors.setdefault(line.user_id, Contributor(line.user_id, line.name)).shares.append(share)
        view = self._bodies / f"{page.scope_id}-{page.epoch_id}.view"
        lay_aside(page, view)
        self._computed.append((page.path, row, view))

    def render(self, verification: Mapping[str, Any]) -> None:
        """Every page, and what of the API is about more than one epoch."""
        api = self._api
        reports: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
        for report in verification.get("epochs", []):  # the first version's, then its corrections'
            reports.setdefault((report["scope_id"], report["epoch_id"]), []).append(report)
        people = sorted(self._contributors.values(), key=lambda person: (-person.final_credits, person.user_id))
        rows: list[EpochRow] = []
        instructed = Instructed(self._node, on_disk(self._node.root, self._node.node_id).instructions())
        in_use = [money for money in self._money.values() if money.in_use]
        claims = tuple(
            (one.scope_id, plan.status.distribution) for one in self._scopes_paid for plan in one.plans if plan.claims
        )
        vouched = self._receipts.pages(self._names)
        known = frozenset(self._contributors)
        renderer = replace(self._renderer, bodies=self._bodies, known=known, earlier=self._earlier)
        with Press(renderer, len(self._computed) + len(people) + len(vouched)) as press:
            for each in vouched:
                title = f"{each.receipt.role} of {each.receipt.work_item_id}"
                body = self._body(each.path, title, f"{each.name} {each.status} {each.receipt.work_item_id}")
                press.page(body, "receipt.html", 2, one=each)
            embeds = self._embeds()
            for path, computed, view in self._computed:
                versions = reports.get((computed.scope_id, computed.epoch_id), [{}])
                report = joined_report(versions)
                failed = any(check["verdict"] == "fail" for check in report.get("checks", ()))
                row = replace(computed, ok=not failed if report else None)
                rows.append(row)
                title = f"{self._renderer.scope_names[row.scope_id][:80]}, epoch {row.epoch_id}"
                body = self._body(path, title, f"{row.start} {row.end} {row.state}", epoch_words(row))
                money = self._money[row.scope_id]
                final = row.state == "finalized" and money.in_use
                marks = money.marks(row.epoch_id, self._contributors) if final else None
                press.epoch(body, view, report, marks, embeds[row.scope_id, row.epoch_id])
                api.put_json(f"{path}/verify.json", versions[0])
                if row.state == "review":
                    body = self._body(f"sign/{row.scope_id}/{row.epoch_id}", f"Sign {row.scope_id} {row.epoch_id}", "")
                    press.page(body, "sign.html", 3, row=row)
            for person in people:
                person.shares.sort(key=lambda share: (share.epoch.start, share.epoch.scope_id, share.epoch.epoch_id))
                words = " ".join((person.user_id, *(text for account in person.accounts for text in account)))
                body = self._body(f"contributors/{person.user_id}", person.name, words)
                became_of = {
                    (one.epoch.scope_id, one.epoch.epoch_id): mark
                    for one in person.shown
                    if one.epoch.state == "finalized" and (money := self._money[one.epoch.scope_id]).in_use
                    for mark in money.marks(one.epoch.epoch_id, [person.user_id]).values()
                }
                accounts = [found for money in in_use if (found := money.person(person.user_id)) is not None]
                unpaid = [
                    (scope_id, owed)
                    for scope_id, money in self._money.items()
                    if not money.in_use and (owed := money.book.balances.get(UserId(person.user_id), 0)) > 0
                ]
                wishes = instructed.of(person.user_id) if in_use else None
                events = self._events.write(person.user_id, api.put)
                api.event_files[person.user_id] = events.files
                press.page(
                    body, "contributor.html", 2, person=person, money=accounts, wishes=wishes, claims=claims,
                    unpaid=unpaid, node_id=self._node.node_id, became_of=became_of,
                    receipts=[one for one in vouched if one.receipt.user_id == person.user_id],
                    elsewhere=theirs_of(self._peers, person.accounts), events=events,
                )  # fmt: skip
                for money in in_use:
                    for name, data in money.files(person.user_id, person.name).items():
                        api.put(f"accounts/{person.user_id}/{name}", data)
            for one in self._scopes_paid:
                for plan in one.plans:
                    title = f"Distribution {one.scope_id} {plan.status.distribution}"
                    body = self._body(plan.path, title, f"{plan.status.state} {plan.symbol}")
                    press.page(body, "distribution.html", 3, one=plan)
            self._vouched(vouched, known)
            for scope_id in self._node.scopes:
                mine = [row for row in rows if row.scope_id == scope_id]
                for place, made in badges(scope_id, mine, len(self._witnesses.get(scope_id, ()))):
                    if isinstance(made, bytes):
                        api.put(place, made)
                    else:
                        api.put_json(place, made)
            self._events.close()
            self._pages(rows, people, verification.get("ok"))
            api.finish(self._names)
        self.printed = press.printed
        if self._earlier is not None:
            same = sum(one.reused for one in self.printed.values())
            self._tell(f"{same} of {len(self.printed)} pages are those of {self._earlier.folder}")

    @property
    def rows(self) -> list[EpochRow]:
        """Every epoch of the node."""
        return [row for _, row, _ in self._computed]

    def _embeds(self) -> dict[tuple[str, int], list[Path]]:
        """Where each epoch's table for other pages goes; that of a scope's last final one is its `latest`, too."""
        found, latest = {}, dict[str, EpochRow]()
        for _, row, _ in self._computed:
            folder = self._embedded / row.scope_id
            found[row.scope_id, row.epoch_id] = [folder / str(row.epoch_id) / "index.html"]
            if row.state == "finalized" or latest.get(row.scope_id, row).state != "finalized":
                latest[row.scope_id] = row
        for row in latest.values():
            found[row.scope_id, row.epoch_id].append(self._embedded / row.scope_id / "latest/index.html")
        return found

    def _pages(self, rows: list[EpochRow], people: list[Contributor], verified: bool | None) -> None:
        """The handful of pages that mkdocs builds, and what it needs to build them."""
        node = self._node
        scopes = list(node.scopes.values())
        common = {"node": node.settings, "scopes": scopes, "rows": rows, "commit": self._commit}
        policies = [
            scope_policy(node, self._history, scope_id, self._pins.get(scope_id, []), self._profiles.get(scope_id))
            for scope_id in node.scopes
        ]
        self._page("policy", "Policy", "policy.html", depth=1, policies=policies, names=self._names, **common)
        self._paid()
        self._page("late", "Late events", "late.html", depth=1, late=self._late, **common)
        if self._kpis:
            self._page("kpi", "Figures behind pools", "kpi.html", depth=1, kpis=self._kpis[::-1])
        if self._peers:
            self._page("peers", "Other ledgers", "peers.html", depth=1, peers=self._peers)
        self._page("glossary", "Glossary", "glossary.html", depth=1)
        self._page("check", "How to check", "check.html", depth=1, **common)
        for made in self._finding.pages(rows, people, self._scopes_paid, verified, self.framed, self._odd):
            self._page(made.path, made.title, made.template, depth=made.depth, **made.values)
            for name, data in made.files.items():
                (self._docs / made.path).with_name(name).write_bytes(data)
        for shell in SHELLS.values():
            write_shell(self._docs, shell)
        self.navigation = [
            {"Home": "index.md"},
            {"Epochs": "epochs/index.md"},
            {"Contributors": "contributors/index.md"},
            {"Receipts": "receipts/index.md"},
            {"Paid?": "paid.md"},
            {"Policy": "policy.md"},
            *([{"Figures": "kpi.md"}] if self._kpis else []),
            *([{"Other ledgers": "peers.md"}] if self._peers else []),
            {"How to check": "check.md"},
            {"Data": "data/index.md"},
            {"Late events": "late.md"},
            {"Glossary": "glossary.md"},
        ]
        made_by = shutil.ignore_patterns("build", "*.md", "package*.json")  # how assets were made is not published
        shutil.copytree(templates_folder() / "assets", self._docs / "assets", ignore=made_by)
        write_favicon(self._docs, self._node.settings.name, self._node.node_id)

    @property
    def lost(self) -> str:
        """The page for lost readers of a site that lies nobody knows where."""
        return self._renderer.html("lost.html", 0, {"name": self._node.settings.name})

    def _vouched(self, vouched: list[ReceiptPage], known: frozenset[str]) -> None:
        """The page of all receipts with the tool that composes one, and how each stands as data."""
        self._page("receipts/index", "Receipts", "receipts.html", depth=1, receipts=vouched, known=known)
        self._api.put_json("receipts.json", receipts_json(vouched))

    def _paid(self) -> None:
        """The page, badge and data that answer whether people were paid, and the files that they rest on."""
        scopes = self._scopes_paid
        for one in scopes:
            for plan in one.plans:
                for place, claim in claim_files(plan).items():
                    self._api.put(place, claim)
            for path, place in plan_files(self._node, one).items():
                self._api.put(place, read_file(self._node.root, path) or b"")
            self._api.put(f"badges/{one.scope_id}.svg", badge(one.words))
        for scope_id, money in self._money.items():
            if money.in_use:
                self._api.put(f"book/{scope_id}.json", book_json(money, self._names))
        for path in money_logs(self._node):
            if (data := read_file(self._node.root, path)) is not None:
                self._api.put(path.removeprefix("data/"), data)
        facts = paid_facts(self._node, scopes, ROOT)
        self._api.put_json("paid.json", facts)
        self.well_known = well_known(facts)
        known = frozenset(self._contributors)
        self._page("paid", "Paid?", "paid.html", depth=1, paid=scopes, known=known)

    def _everyone(self) -> dict[str, Contributor]:
        """Users by id, named by the last login that a binding carries, with the accounts bound now."""
        found: dict[str, Contributor] = {}
        for line in self._node.bindings():
            person = found.setdefault(line.user_id, Contributor(line.user_id, line.user_id[:8]))
            account = (line.provider, line.external_id, line.login or "")
            person.bindings.append(line)
            person.accounts = [known for known in person.accounts if known[:2] != account[:2]]
            if line.action == "bind":
                person.accounts.append(account)
                person.name = line.login or person.name
        return found

    def _page(self, path: str, title: str, template: str, *, depth: int, **values: object) -> None:
        """A page that mkdocs builds: `title` is ours, never text from outside."""
        body = self._renderer.html(template, depth, values)
        write_source(self._docs, path, title, body)
        self._finding.wrote(path, title, body)

    def _body(self, path: str, title: str, words: str, about: str = ABOUT) -> Path:
        """Where the body of a page of a kind that there are many of goes; `words` are what the search finds it by."""
        body = self._bodies / f"{path}.html"
        self.framed.append(Framed(path, title, body, words, about))
        return body


def serve_site(out: Path, port: int) -> None:
    """Serve a built site on the loopback address until interrupted."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(out))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        server.serve_forever()
