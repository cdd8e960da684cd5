"""Every page in its frame, and what of the API is about more than one epoch."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ledger.compute.engine import Engine
from ledger.core.kinds import kind_names
from ledger.core.values import UserId
from ledger.site.api import Api
from ledger.site.apifiles import ROOT
from ledger.site.computed import Checks, Given, compute
from ledger.site.epochpart import ComputedEpoch, view_of
from ledger.site.feeds import Entry
from ledger.site.finding import Finding
from ledger.site.follows import Place, follows
from ledger.site.frame import SHELLS, Framed, write_shell
from ledger.site.history import History
from ledger.site.kept import Keeping
from ledger.site.keptepochs import kept_epochs
from ledger.site.keptpages import KeptPages
from ledger.site.links import Repository
from ledger.site.money import Instructed, ScopeMoney, book_json
from ledger.site.oddnames import odd_names
from ledger.site.paid import PaidScope, badge, claim_files, money_logs, paid_facts, paid_scope, plan_files, well_known
from ledger.site.peers import PeerView, peer_views, theirs_of
from ledger.site.people import Everybody, Person, everyone
from ledger.site.receipts import ReceiptPage, Receipts, receipts_json
from ledger.site.render import EpochWanted, Press, Renderer, Written
from ledger.site.sharing import ABOUT, badges, epoch_words, write_favicon
from ledger.site.skim import Looked
from ledger.site.spill import FOLDER, ByPerson
from ledger.site.templates import templates_folder
from ledger.site.views import EpochRow, LateLine
from ledger.site.views_amend import joined_report
from ledger.site.views_kpi import KpiLine
from ledger.site.views_people import Contributor, Share, shown_of
from ledger.site.views_policy import Pinned, Profile, scope_policy
from ledger.store.files import read_file
from ledger.store.node import Node
from ledger.store.payments import on_disk


class Pages:
    """Writes the API and every page."""

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
        keeping: Keeping | None,
        tool: str,
    ) -> None:
        self._node, self._engine, self._api = node, engine, api
        self._building, self._site = building, building / "site"
        self._embedded = building / "api/embed"
        self._computed: list[ComputedEpoch] = []
        self._pins: dict[str, list[Pinned]] = {}
        self._late: list[LateLine] = []
        self._kpis: list[KpiLine] = []
        self._witnesses: dict[str, set[str]] = {}
        self._commit, self._tell, self._keeping, self._tool = commit, tell, keeping, tool
        self._history = History(node.root)
        self._profiles: dict[str, Profile] = {}
        self.reports: dict[Place, tuple[Any, ...]] = {}
        self.parts = set[int]()
        self._framed: list[Framed] = []
        self.news: list[Entry] = []
        self.looked = Looked()
        """What the link check must know of the pages."""
        self.kept: KeptPages | None = None
        self._contributors = everyone(node)
        self._names = {user_id: person.name for user_id, person in self._contributors.items()}
        self._finding = Finding(node, building, keeping, self._names)
        self._events = ByPerson()
        self._receipts = Receipts(node)
        self._peers: list[PeerView] = peer_views(node.root)
        (building / "views").mkdir()
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
            building,
        )

    @cached_property
    def _money(self) -> dict[str, ScopeMoney]:
        return {scope_id: ScopeMoney(self._node, scope_id) for scope_id in self._node.scopes}

    @cached_property
    def _scopes_paid(self) -> list[PaidScope]:
        return [paid_scope(self._node, money, self._names) for money in self._money.values()]

    def compute(self, checks: Checks | None = None) -> None:
        """Every epoch's files of the API; its page's view is laid aside until the verdicts are in.

        What `checks` finds on the way stands in `reports` and `parts` then.
        """
        last = {scope_id: len(self._node.epochs(scope_id)) for scope_id in self._node.scopes}
        self._given = given = Given(self._building, self._names, self._commit, last)
        if self._keeping is not None:
            keys = follows(self._node, self._tool)
            given = replace(given, keeping=self._keeping, keys=keys, take=kept_epochs(self._keeping.earlier, keys))
        if checks is not None:
            given = replace(given, checks=checks, parts=self._engine.parts)
        for epoch in compute(self._node, self._engine, given):
            self._tell(f"computing {epoch.row.scope_id}/{epoch.row.epoch_id}")
            self._remember(epoch)
            _ = self._scopes_paid  # gathered once, while other processes compute
        for person in self._contributors.values():
            person.event_count = self._events.count(person.user_id)

    def _remember(self, epoch: ComputedEpoch) -> None:
        """What other pages and files show of an epoch."""
        row = epoch.row
        self._api.files |= epoch.files
        self._api.epoch(epoch.entry)
        place = len(self._computed)
        self._events.add(place, epoch.events)
        self._computed.append(epoch)
        if epoch.reports:
            self.reports[row.scope_id, row.epoch_id] = epoch.reports
            self.parts.add(epoch.part)
        self._finding.saw(epoch.found, f"{epoch.digest}/{epoch.told}")
        self._receipts.counted |= epoch.receipts
        self.news += epoch.news
        self._pins.setdefault(row.scope_id, []).append(epoch.pinned)
        self._late += epoch.late
        self._kpis += epoch.kpis
        self._witnesses.setdefault(row.scope_id, set()).update(epoch.witnesses)
        if epoch.profile is not None:
            self._profiles[row.scope_id] = epoch.profile
        for user_id, name, *share in zip(*epoch.shares, strict=True):
            if (person := self._contributors.get(user_id)) is None:
                person = self._contributors[user_id] = Contributor(user_id, name)
            person.add(Share(place, *share), row)

    def render(self, verification: Mapping[str, Any], frame: Callable[[], None]) -> None:
        """Every page, and what of the API is about more than one epoch.

        `frame` has the frames built; processes may make tables meanwhile.
        """
        api = self._api
        reports: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
        for report in verification.get("epochs", []):  # the first version's, then its corrections'
            reports.setdefault((report["scope_id"], report["epoch_id"]), []).append(report)
        people = sorted(self._contributors.values(), key=lambda person: (-sum(person.credits.values()), person.user_id))
        rows: list[EpochRow] = []
        instructed = Instructed(self._node, on_disk(self._node.root, self._node.node_id).instructions())
        in_use = [money for money in self._money.values() if money.in_use]
        claims = tuple(
            (one.scope_id, plan.status.distribution) for one in self._scopes_paid for plan in one.plans if plan.claims
        )
        vouched = self._receipts.pages(self._names)
        known = frozenset(self._contributors)
        everybody = Everybody(
            self._node.node_id,
            self._building / "api",
            self._building / FOLDER,
            tuple(epoch.row for epoch in self._computed),
            tuple(epoch.start for epoch in self._computed),
            self._events.files,
            api.shares.files,
        )
        keeps = self._keeping is not None
        renderer = replace(self._renderer, known=known, keeps=keeps, everybody=everybody)
        if self._keeping is not None:
            self.kept = KeptPages(self._building, self._keeping, renderer.told, self._commit)
        digests = [epoch.digest for epoch in self._computed]
        with Press(renderer, len(self._computed) + len(people) + len(vouched), self.kept) as press:
            self._finding.begin(people, press)
            frame()
            for each in vouched:
                title = f"{each.receipt.role} of {each.receipt.work_item_id}"
                page = self._many(each.path, title, f"{each.name} {each.status} {each.receipt.work_item_id}")
                press.page(page, "receipt.html", 2, one=each)
            embeds = self._embeds()
            wanted: list[tuple[ComputedEpoch, EpochWanted]] = []
            for epoch in self._computed:
                path, computed = epoch.path, epoch.row
                versions = reports.get((computed.scope_id, computed.epoch_id), [{}])
                report = joined_report(versions)
                failed = any(check["verdict"] == "fail" for check in report.get("checks", ()))
                row = replace(computed, ok=not failed if report else None)
                rows.append(row)
                title = f"{self._renderer.scope_names[row.scope_id][:80]}, epoch {row.epoch_id}"
                page = self._many(path, title, f"{row.start} {row.end} {row.state}", epoch_words(row))
                money = self._money[row.scope_id]
                final = row.state == "finalized" and money.in_use
                marks = money.marks(row.epoch_id, self._contributors) if final else None
                later = row.epoch_id < self._given.last[row.scope_id]
                followed = f"{epoch.key} {epoch.told} {later}" if epoch.key else ""  # its view has names in it, too
                one_page = EpochWanted(page, followed, report, marks, embeds[row.scope_id, row.epoch_id])
                if not press.took_epoch(one_page):
                    wanted.append((epoch, one_page))
                api.put_json(f"{path}/verify.json", versions[0])
                if row.state == "review":
                    page = self._many(f"sign/{row.scope_id}/{row.epoch_id}", f"Sign {row.scope_id} {row.epoch_id}", "")
                    press.page(page, "sign.html", 3, row=row)
            lacking = {(epoch.row.scope_id, epoch.row.epoch_id) for epoch, _ in wanted if epoch.taken}
            if lacking:  # their figures were taken over, but their pages are others now
                for epoch in compute(self._node, self._engine, self._given, lacking):
                    self._tell(f"computing {epoch.row.scope_id}/{epoch.row.epoch_id} again for its page")
            for epoch, one_page in wanted:
                press.epoch(one_page, view_of(self._building, epoch.row))
            for person in people:
                words = " ".join((person.user_id, *(text for account in person.accounts for text in account)))
                page = self._many(f"contributors/{person.user_id}", person.name, words)
                became_of = {
                    (row.scope_id, row.epoch_id): mark
                    for row, _ in (shown_of(everybody.epochs, person.shares) if in_use else ())
                    if row.state == "finalized" and (money := self._money[row.scope_id]).in_use
                    for mark in money.marks(row.epoch_id, [person.user_id]).values()
                }
                accounts = [found for money in in_use if (found := money.person(person.user_id)) is not None]
                unpaid = [
                    (scope_id, owed)
                    for scope_id, money in self._money.items()
                    if not money.in_use and (owed := money.book.balances.get(UserId(person.user_id), 0)) > 0
                ]
                wishes = instructed.of(person.user_id) if in_use else None
                about = Person(
                    person.user_id, person.name, person.accounts, person.bindings, person.event_count,
                    tuple(zip(*person.shares, strict=True)), api.credits(person.user_id),
                    self._events.of(person.user_id), api.shares.of(person.user_id),
                )  # fmt: skip
                made_from = everybody.made_from(about, digests) if keeps else b""
                press.person(
                    page, made_from, about,
                    money=accounts, wishes=wishes, claims=claims, unpaid=unpaid, became_of=became_of,
                    receipts=[one for one in vouched if one.receipt.user_id == person.user_id],
                    elsewhere=theirs_of(self._peers, person.accounts),
                )  # fmt: skip
                for money in in_use:
                    for name, data in money.files(person.user_id, person.name).items():
                        api.put(f"accounts/{person.user_id}/{name}", data)
            for one in self._scopes_paid:
                for plan in one.plans:
                    title = f"Distribution {one.scope_id} {plan.status.distribution}"
                    page = self._many(plan.path, title, f"{plan.status.state} {plan.symbol}")
                    press.page(page, "distribution.html", 3, one=plan)
            self._vouched(vouched, known)
            for scope_id in self._node.scopes:
                mine = [row for row in rows if row.scope_id == scope_id]
                for place, made in badges(scope_id, mine, len(self._witnesses.get(scope_id, ()))):
                    if isinstance(made, bytes):
                        api.put(place, made)
                    else:
                        api.put_json(place, made)
            self._pages(rows, people, verification.get("ok"))
            api.finish(self._names)
        everybody.close()
        self._finding.kept.write()
        self.looked.join(renderer.looked)
        for page in self._framed:
            written = press.written[page.path]
            self._wrote(written)
            if self.kept is not None:
                self.kept.keep(page.path, written.printed, written.put)
        if self._keeping is not None and self._keeping.earlier is not None:
            same = sum(one.printed.reused for one in press.written.values())
            taken = sum(epoch.taken for epoch in self._computed)
            told = f"{taken} of {len(self._computed)} epochs and {same} of {len(press.written)} pages"
            self._tell(f"{told} are those of {self._keeping.earlier.folder}")

    @property
    def rows(self) -> list[EpochRow]:
        """Every epoch of the node."""
        return [epoch.row for epoch in self._computed]

    def _embeds(self) -> dict[tuple[str, int], list[Path]]:
        """Where each epoch's table for other pages goes; that of a scope's last final one is its `latest`, too."""
        found, latest = {}, dict[str, EpochRow]()
        for row in self.rows:
            folder = self._embedded / row.scope_id
            found[row.scope_id, row.epoch_id] = [folder / str(row.epoch_id) / "index.html"]
            if row.state == "finalized" or latest.get(row.scope_id, row).state != "finalized":
                latest[row.scope_id] = row
        for row in latest.values():
            found[row.scope_id, row.epoch_id].append(self._embedded / row.scope_id / "latest/index.html")
        return found

    def _pages(self, rows: list[EpochRow], people: list[Contributor], verified: bool | None) -> None:
        """The handful of pages that there are one of."""
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
        for made in self._finding.pages(rows, people, self._scopes_paid, verified, self._framed, self._odd):
            self._page(made.path, made.title, made.template, depth=made.depth, **made.values)
            for name, data in made.files.items():
                (self._site / made.path).with_name(name).write_bytes(data)

    def sources(self) -> list[dict[str, str]]:
        """What mkdocs makes the frames from, in `docs`; returns the navigation."""
        docs = self._building / "docs"
        navigation = [
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
        named = (path.removesuffix(".md") for one in navigation for path in one.values())
        for path in (*named, "search/index", *SHELLS.values()):
            write_shell(docs, path)
        made_by = shutil.ignore_patterns("build", "*.md", "package*.json")  # how assets were made is not published
        shutil.copytree(templates_folder() / "assets", docs / "assets", ignore=made_by)
        write_favicon(docs, self._node.settings.name, self._node.node_id)
        return navigation

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

    def _page(self, path: str, title: str, template: str, *, depth: int, **values: object) -> None:
        """A page of which there is one."""
        body = self._renderer.html(template, depth, values)
        place = path.removesuffix("index").removesuffix("/") or "."
        self._wrote(self._renderer.put(Framed(place, title), body))
        self._finding.wrote(path, title, body)

    def _wrote(self, written: Written) -> None:
        """What the index and the link check must know of a page."""
        self._api.files |= {**written.printed.files, written.put.path: (written.put.size, written.put.sha256)}
        self.looked.join(written.looked)

    def _many(self, path: str, title: str, words: str, about: str = ABOUT) -> Framed:
        """A page of a kind that there are many of; `words` are what the search finds it by."""
        self._framed.append(page := Framed(path, title, words, about))
        return page
