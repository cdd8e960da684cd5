"""Pages as ready HTML, by jinja2 that always escapes; where there are very many, several processes write them at once.

What a process is told is a target, a template and values; it knows nothing of the node. The bytes are the same however
many processes there are.
"""

from __future__ import annotations

import pickle
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, ParamSpec, Self, TypeVar, cast

import jinja2

from ledger.compute.garbage import no_collection
from ledger.compute.processes import helpers, processes
from ledger.core.canonical import sha256_hex
from ledger.core.install import install_line
from ledger.core.kinds import kind_words
from ledger.core.records.record import made
from ledger.core.records.statement import Statement
from ledger.core.values import UserId
from ledger.site.again import Printed, Put, frozen
from ledger.site.apifiles import ApiFiles
from ledger.site.asked import Asked, Told
from ledger.site.csp import seal_alone
from ledger.site.filling import Environment, once
from ledger.site.frame import SHELLS, Framed, Frames
from ledger.site.keptpages import KeptPages
from ledger.site.links import Repository, safe_link
from ledger.site.money import Mark
from ledger.site.people import NOBODY, Everybody, Person
from ledger.site.skim import Looked, Skimmer
from ledger.site.timeline import percent
from ledger.site.views import MOST_LATE, MOST_LINES, EpochPage
from ledger.site.views_people import hue, initials
from ledger.site.views_pool import inputs_in_words
from ledger.site.words import MONEY, number, share, units

P = ParamSpec("P")
T = TypeVar("T")
MOST_EMBEDDED = 10
"""People in the table of an epoch that other pages show."""
FRAMES = "frames"
"""Where the frames wait in the build's folder."""
FEW = 500
"""Pages that are rendered right here: below this, starting processes takes longer than they save."""


class Written(NamedTuple):
    """A page as it lies in the site. `looked`: what the link check must know of it and of what was written with it."""

    printed: Printed
    put: Put
    looked: Looked


class People(NamedTuple):
    """What pages ask about people: names, who has a page, whose name is not what it looks like. `asked`: about whom."""

    asked: set[str]
    names: Mapping[str, str]
    known: Mapping[str, bool]
    odd_names: Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Renderer:
    """The templates, and what each of them may use. `names`: what users are called, by id; `kinds`: kinds of events.

    `odd_names`: names that are not what they look like, by user: a mark in a word or two, and what it says in full.
    """

    templates: Path
    repository: Repository
    scope_names: Mapping[str, str]
    names: Mapping[str, str]
    kinds: Mapping[str, str]
    ledger_name: str
    site_url: str
    odd_names: Mapping[str, tuple[str, str]]
    building: Path = Path()
    """The build's folder: pages go into `site`, whose frames wait in `frames`."""
    known: frozenset[str] = frozenset()
    """Those who have a page."""
    keeps: bool = False
    """Whether the next build may take pages over, so that it is noted what they are made from."""
    everybody: Everybody = NOBODY
    """What must be known to write what is about one person."""

    @cached_property
    def _people(self) -> People:
        """What pages ask about people."""
        known = dict.fromkeys(self.known, True)
        if not self.keeps:
            return People(set(), self.names, known, self.odd_names)
        asked = set[str]()
        return People(asked, Asked(self.names, asked), Asked(known, asked), Asked(self.odd_names, asked))

    @property
    def told(self) -> Told:
        """What pages say of people."""
        return Told(self.names, dict.fromkeys(self.known, True), self.odd_names)

    @cached_property
    def _jinja(self) -> jinja2.Environment:
        made = Environment(
            loader=jinja2.FileSystemLoader(self.templates),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        made.filters.update(units=units, number=number, share=share, kind=partial(kind_words, names=self.kinds))
        made.filters.update(initials=initials, hue=hue, safe_link=safe_link)
        made.filters.update(inputs=inputs_in_words, percent=percent, once=once)
        made.globals.update(repository=self.repository, scope_names=self.scope_names)
        made.globals.update(install_line=install_line, ledger_name=self.ledger_name, odd_names=self._people.odd_names)
        made.globals.update(most_lines=MOST_LINES, most_late=MOST_LATE, money_words=MONEY, site_url=self.site_url)
        return made

    def html(self, template: str, depth: int, values: Mapping[str, object]) -> str:
        """One page. `depth`: folders between the page and the site's top, to which `up` leads."""
        return self._jinja.get_template(template).render(up="../" * depth, **{"known": self._people.known, **values})

    @cached_property
    def made_by(self) -> str:
        """The hash over all that every page may be made from, but for the commit, the tool and people's names."""
        repository = self.repository.name, self.repository.prefix, self.repository.commit is None
        told = self.scope_names, self.kinds, self.ledger_name, self.site_url, repository
        return sha256_hex(frozen(told))

    def key(self, page: Framed, template: str, made_from: bytes) -> str:
        """The hash over all that a page is made from besides; empty where nothing is kept."""
        return sha256_hex(f"{self.made_by} {page.path} {template} ".encode() + made_from) if self.keeps else ""

    @cached_property
    def _frames(self) -> Frames:
        frames: Frames = _thawed((self.building / FRAMES).read_bytes())
        return frames

    @cached_property
    def _skimmer(self) -> Skimmer:
        return Skimmer()

    @property
    def looked(self) -> Looked:
        """What the link check must know of the frames that are around many pages."""
        shells = self._frames.shells
        return Looked({f"{path}/index.html": shells[path].links for path in SHELLS.values()})

    def put(self, page: Framed, body: str) -> Written:
        """A page of which there is one."""
        put = self._frames.put(self.building / "site", page, body.encode())
        text = (self.building / "site" / put.path).read_text("utf-8")
        return Written(Printed("", "", ()), put, self._skimmer.whole([put.path], text))

    def put_again(self, page: Framed, printed: Printed, body: bytes) -> Written:
        """A page that an earlier build made; whoever checks links knows what that one found."""
        return Written(printed, self._frames.put(self.building / "site", page, body), Looked())

    def write(self, page: Framed, key: str, template: str, depth: int, values: bytes) -> Written:
        """One page into the site. `values`: what the template is filled with, `frozen`."""
        return self._print(page, key, template, depth, lambda _: _thawed(values))

    def write_epoch(self, to: Framed, key: str, view: Path, values: bytes, embeds: Sequence[Path]) -> Written:
        """An epoch's page, whose view was laid aside (`lay_aside`) until its verdicts were in, and its table alone.

        `values`: the report of its verification, and what became of each person's credits, `frozen`; None for the
        latter where nothing is ever paid, or the epoch is not final.
        `embeds`: where the table goes that other pages may show in a frame.
        """
        page: EpochPage = _thawed(view.read_bytes())
        view.unlink()
        report, marks = _thawed(values)
        names = ChainMap(dict(page.renamed), cast("dict[str, str]", self._people.names))

        def filled(commit: str | None) -> Mapping[str, object]:
            return {"page": replace(page, report=report, names=names, commit=commit), "marks": marks}

        written = self._print(to, key, "epoch.html", 3, filled)
        values_now = {"page": filled(self.repository.commit)["page"], "most": MOST_EMBEDDED}
        text = seal_alone(self.html("embed.html", 3, values_now).lstrip())
        table = text.encode()
        for place in embeds:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(table)
        names_of = [place.relative_to(self.building / "api").as_posix() for place in embeds]
        written.looked.join(self._skimmer.whole(names_of, text))
        own = {names_of[0]: (len(table), sha256_hex(table))}
        return written._replace(printed=written.printed._replace(users=self._asked, files=own))

    def write_person(self, page: Framed, key: str, person: Person, values: bytes) -> Written:
        """A person's page, and all files that are about that person alone. `values`: as for `write`."""
        everybody = self.everybody
        api = ApiFiles(everybody.api)
        events = everybody.write(person, api)

        def filled(_commit: str | None) -> Mapping[str, object]:
            about = {"person": everybody.page(person), "events": events, "node_id": everybody.node_id}
            return {**_thawed(values), **about}

        written = self._print(page, key, "contributor.html", 2, filled)
        return written._replace(printed=written.printed._replace(files=api.files))

    def _print(
        self,
        page: Framed,
        key: str,
        template: str,
        depth: int,
        filled: Callable[[str | None], Mapping[str, object]],
    ) -> Written:
        """What is kept is made with a commit that stands nowhere else, so that another one's can take its place."""
        self._people.asked.clear()
        real = self.repository.commit
        commit = key[:40] if key and real else real
        self.repository.commit = commit
        try:
            body = self.html(template, depth, filled(commit))
        finally:
            self.repository.commit = real
        printed = Printed(key, sha256_hex(body.encode()) if key else "", self._asked)
        body = body.replace(commit, real) if key and commit and real else body
        put = self._frames.put(self.building / "site", page, body.encode())
        return Written(printed, put, self._skimmer.body(put.path, body, self._frames.of(page).links))

    @property
    def _asked(self) -> tuple[str, ...]:
        """Whom the last page asked about."""
        return tuple(sorted(self._people.asked))


def _thawed(data: bytes) -> Any:
    return pickle.loads(data)  # noqa: S301 - written by this very build


def lay_aside(page: EpochPage, view: Path) -> None:
    """Keep what an epoch's page renders in a file: ten years of a large node are too many for the memory.

    Its statement goes without the payouts, which `people` tells, and with the hash that it has with them.
    """
    shown = {name: getattr(page.statement, name) for name in (*Statement.model_fields, "statement_hash")}
    (statement,) = made(Statement, [shown | {"payouts": (), "held": ()}])
    view.write_bytes(frozen(replace(page, names={}, commit=None, statement=statement)))


_mine: Renderer | None = None
"""What a helping process renders with."""


def _begin(renderer: Renderer) -> None:
    global _mine
    _mine = renderer


def _write(method: str, *arguments: object) -> Written:
    with no_collection():
        written: Written = getattr(_mine, method)(*arguments)
    return written


class EpochWanted(NamedTuple):
    """An epoch's page that is wanted, as `Renderer.write_epoch` has it.

    `made_from`: what its view follows from; empty for one that is made anew each time.
    """

    page: Framed
    made_from: str
    report: Mapping[str, Any] | None
    marks: Mapping[UserId, Mark] | None
    embeds: Sequence[Path]


class Press:
    """Takes pages to be written, `pages` in all, and has written them when its block ends; raises what went wrong.

    `kept`: pages that an earlier build may have made.
    """

    def __init__(self, renderer: Renderer, pages: int, kept: KeptPages | None = None) -> None:
        self._renderer, self._kept, self._pages = renderer, kept, pages
        self._asked: dict[str, Future[Written]] = {}
        self.written: dict[str, Written] = {}
        """The pages by their address, once they are written."""

    @cached_property
    def _pool(self) -> ProcessPoolExecutor | None:
        """Started for the first page that is to be made, where so many may be."""
        return helpers(processes(), _begin, replace(self._renderer)) if self._pages >= FEW else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if pool := self.__dict__.get("_pool"):
            pool.shutdown(cancel_futures=error is not None)
        if error is None:
            self.written |= {path: asked.result() for path, asked in self._asked.items()}

    def page(self, page: Framed, template: str, depth: int, **values: object) -> None:
        """As `Renderer.write`, now or soon."""
        given = frozen(values)
        key = self._renderer.key(page, template, given)
        if not self._take(page, key):
            self._print("write", page, key, template, depth, given)

    def took_epoch(self, one: EpochWanted) -> bool:
        """Whether an epoch's page is an earlier build's, and is in its place."""
        return self._take(one.page, self._key_of(one, frozen((one.report, one.marks))), one.embeds[1:])

    def epoch(self, one: EpochWanted, view: Path) -> None:
        """As `Renderer.write_epoch`, now or soon."""
        given = frozen((one.report, one.marks))
        self._print("write_epoch", one.page, self._key_of(one, given), view, given, one.embeds)

    def _key_of(self, one: EpochWanted, given: bytes) -> str:
        made_from = one.made_from.encode() + given
        return self._renderer.key(one.page, "epoch.html", made_from) if one.made_from else ""

    def person(self, page: Framed, made_from: bytes, person: Person, **values: object) -> None:
        """As `Renderer.write_person`, now or soon. `made_from`: what is shown of the person besides the values."""
        given = frozen(values)
        key = self._renderer.key(page, "contributor.html", made_from + given)
        if not self._take(page, key):
            self._print("write_person", page, key, person, given)

    def beside(self, work: Callable[P, T], *given: P.args, **named: P.kwargs) -> Callable[[], T]:
        """Have something else done, now or soon; calling waits for what it gives."""
        if self._pool:
            return self._pool.submit(work, *given, **named).result
        done = work(*given, **named)
        return lambda: done

    def _take(self, page: Framed, key: str, copies: Sequence[Path] = ()) -> bool:
        taken = self._kept.take(page.path, key, copies) if self._kept and key else None
        if taken is not None:
            self.written[page.path] = self._renderer.put_again(page, *taken)
            self._pages -= 1
        return taken is not None

    def _print(self, method: str, page: Framed, *arguments: object) -> None:
        if self._pool:
            self._asked[page.path] = self._pool.submit(_write, method, page, *arguments)
        else:
            self.written[page.path] = getattr(self._renderer, method)(page, *arguments)
