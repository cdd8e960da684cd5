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
from typing import Any, ParamSpec, Self, TypeVar

import jinja2

from ledger.compute.processes import helpers, processes
from ledger.core.canonical import sha256_hex
from ledger.core.install import install_line
from ledger.core.kinds import kind_words
from ledger.core.values import UserId
from ledger.site.again import Earlier, Printed, frozen, tool_hash
from ledger.site.apifiles import ApiFiles
from ledger.site.csp import seal_alone
from ledger.site.links import Repository, safe_link
from ledger.site.money import Mark
from ledger.site.people import NOBODY, Everybody, Person
from ledger.site.timeline import percent
from ledger.site.views import MOST_LATE, MOST_LINES, MOST_ROWS, EpochPage
from ledger.site.views_people import hue, initials
from ledger.site.views_pool import inputs_in_words
from ledger.site.words import MONEY, number, share, units

P = ParamSpec("P")
T = TypeVar("T")
MOST_EMBEDDED = 10
"""People in the table of an epoch that other pages show."""
FEW = 500
"""Pages that are rendered right here: below this, starting processes takes longer than they save."""


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
    bodies: Path = Path()
    """The folder below which pages are written, each at its place in the site."""
    known: frozenset[str] = frozenset()
    """Those who have a page."""
    earlier: Earlier | None = None
    """A build whose pages may be taken over."""
    everybody: Everybody = NOBODY
    """What must be known to write what is about one person."""

    @cached_property
    def _jinja(self) -> jinja2.Environment:
        made = jinja2.Environment(
            loader=jinja2.FileSystemLoader(self.templates),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        made.filters.update(units=units, number=number, share=share, kind=partial(kind_words, names=self.kinds))
        made.filters.update(initials=initials, hue=hue, safe_link=safe_link)
        made.filters.update(inputs=inputs_in_words, percent=percent)
        made.globals.update(repository=self.repository, scope_names=self.scope_names)
        made.globals.update(install_line=install_line, ledger_name=self.ledger_name, odd_names=self.odd_names)
        made.globals.update(most_lines=MOST_LINES, most_late=MOST_LATE, money_words=MONEY, site_url=self.site_url)
        return made

    def html(self, template: str, depth: int, values: Mapping[str, object]) -> str:
        """One page. `depth`: folders between the page and the site's top, to which `up` leads."""
        return self._jinja.get_template(template).render(up="../" * depth, **{"known": self.known, **values})

    @cached_property
    def made_by(self) -> str:
        """The hash over all that every page may be made from, but for the commit."""
        repository = self.repository.name, self.repository.prefix, self.repository.commit is None
        told = (
            self.scope_names, self.names, self.kinds, self.ledger_name, self.site_url, self.odd_names,
            sorted(self.known), repository,
        )  # fmt: skip
        return sha256_hex(tool_hash(self.templates.parent).encode() + frozen(told))

    def write(self, target: Path, template: str, depth: int, values: bytes) -> Printed:
        """One page into a file. `values`: what the template is filled with, `frozen`."""
        return self._print(target, template, depth, values, lambda _: _thawed(values))

    def write_epoch(self, target: Path, view: Path, values: bytes, embeds: Sequence[Path]) -> Printed:
        """An epoch's page, whose view was laid aside (`lay_aside`) until its verdicts were in, and its table alone.

        `values`: the report of its verification, and what became of each person's credits, `frozen`; None for the
        latter where nothing is ever paid, or the epoch is not final.
        `embeds`: where the table goes that other pages may show in a frame.
        """
        laid = view.read_bytes()
        view.unlink()
        page: EpochPage = _thawed(laid)
        report, marks = _thawed(values)
        names = ChainMap(dict(page.renamed), dict(self.names))

        def filled(commit: str | None) -> Mapping[str, object]:
            return {"page": replace(page, report=report, names=names, commit=commit), "marks": marks}

        printed = self._print(target, "epoch.html", 3, laid + values, filled)
        values_now = {"page": filled(self.repository.commit)["page"], "most": MOST_EMBEDDED}
        table = seal_alone(self.html("embed.html", 3, values_now).lstrip())
        for place in embeds:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(table, "utf-8")
        return printed

    def write_person(self, target: Path, person: Person, values: bytes) -> Printed:
        """A person's page, and all files that are about that person alone. `values`: as for `write`."""
        everybody = self.everybody
        api = ApiFiles(everybody.api)
        events = everybody.write(person, api)

        def filled(_commit: str | None) -> Mapping[str, object]:
            about = {"person": everybody.contributor(person), "events": events, "node_id": everybody.node_id}
            return {**_thawed(values), **about}

        made_from = everybody.made_from(person) + frozen(events) + values
        return self._print(target, "contributor.html", 2, made_from, filled)._replace(files=api.files)

    def _print(
        self,
        target: Path,
        template: str,
        depth: int,
        made_from: bytes,
        filled: Callable[[str | None], Mapping[str, object]],
    ) -> Printed:
        """The page is made with a commit that stands nowhere else, so that another one's can take its place."""
        path = target.relative_to(self.bodies).as_posix().removesuffix(".html")
        key = sha256_hex(f"{self.made_by} {path} {template} {depth} ".encode() + made_from)
        real = self.repository.commit
        commit = key[:40] if real else None
        body = self.earlier.body(path, key, commit) if self.earlier else None
        reused = body is not None
        if body is None:
            self.repository.commit = commit
            try:
                body = self.html(template, depth, filled(commit))
            finally:
                self.repository.commit = real
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(body.replace(commit, real) if commit and real else body, "utf-8")
        return Printed(key, sha256_hex(body.encode()), reused)


def _thawed(data: bytes) -> Any:
    return pickle.loads(data)  # noqa: S301 - written by this very build


def lay_aside(page: EpochPage, view: Path) -> None:
    """Keep what an epoch's page renders in a file: ten years of a large node are too many for the memory."""
    people = page.people[: max(MOST_ROWS, MOST_EMBEDDED)]
    view.write_bytes(frozen(replace(page, names={}, commit=None, people=people)))


_mine: Renderer | None = None
"""What a helping process renders with."""


def _begin(renderer: Renderer) -> None:
    global _mine
    _mine = renderer


def _write(method: str, *arguments: object) -> Printed:
    printed: Printed = getattr(_mine, method)(*arguments)
    return printed


class Press:
    """Takes pages to be written, `pages` in all, and has written them when its block ends; raises what went wrong."""

    def __init__(self, renderer: Renderer, pages: int) -> None:
        self._renderer = renderer
        self._asked: dict[Path, Future[Printed]] = {}
        self.printed: dict[Path, Printed] = {}
        """The pages, once they are written."""
        self._pool: ProcessPoolExecutor | None = None
        if pages >= FEW:
            self._pool = helpers(processes(), _begin, renderer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=error is not None)
        if error is None:
            self.printed |= {target: asked.result() for target, asked in self._asked.items()}

    def page(self, target: Path, template: str, depth: int, **values: object) -> None:
        """As `Renderer.write`, now or soon."""
        self._print("write", target, template, depth, frozen(values))

    def epoch(
        self,
        target: Path,
        view: Path,
        report: Mapping[str, Any] | None,
        marks: Mapping[UserId, Mark] | None,
        embeds: Sequence[Path],
    ) -> None:
        """As `Renderer.write_epoch`, now or soon."""
        self._print("write_epoch", target, view, frozen((report, marks)), embeds)

    def person(self, target: Path, person: Person, **values: object) -> None:
        """As `Renderer.write_person`, now or soon."""
        self._print("write_person", target, person, frozen(values))

    def beside(self, work: Callable[P, T], *given: P.args, **named: P.kwargs) -> Callable[[], T]:
        """Have something else done, now or soon; calling waits for what it gives."""
        if self._pool:
            return self._pool.submit(work, *given, **named).result
        done = work(*given, **named)
        return lambda: done

    def _print(self, method: str, target: Path, *arguments: object) -> None:
        if self._pool:
            self._asked[target] = self._pool.submit(_write, method, target, *arguments)
        else:
            self.printed[target] = getattr(self._renderer, method)(target, *arguments)
