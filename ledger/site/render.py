"""Pages as ready HTML, by jinja2 that always escapes; where there are very many, several processes write them at once.

What a process is told is a target, a template and values; it knows nothing of the node. The bytes are the same however
many processes there are.
"""

from __future__ import annotations

import pickle
from collections import ChainMap
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, partial
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import jinja2

from ledger.compute.processes import processes
from ledger.core.install import install_line
from ledger.core.kinds import kind_words
from ledger.core.values import UserId
from ledger.site.csp import seal_alone
from ledger.site.links import Repository, safe_link
from ledger.site.money import Mark
from ledger.site.timeline import percent
from ledger.site.views import MOST_LATE, MOST_LINES, EpochPage
from ledger.site.views_people import hue, initials
from ledger.site.views_pool import inputs_in_words
from ledger.site.words import MONEY, number, share, units

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
        return self._jinja.get_template(template).render(up="../" * depth, **values)

    def write(self, target: Path, template: str, depth: int, values: Mapping[str, object]) -> None:
        """One page into a file."""
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(self.html(template, depth, values), "utf-8")

    def write_epoch(
        self,
        target: Path,
        view: Path,
        report: Mapping[str, Any] | None,
        marks: Mapping[UserId, Mark] | None,
        embeds: Sequence[Path],
    ) -> None:
        """An epoch's page, whose view was laid aside (`lay_aside`) until its verdicts were in, and its table alone.

        `marks`: what became of each person's credits; None where nothing is ever paid, or the epoch is not final.
        `embeds`: where the table goes that other pages may show in a frame.
        """
        page: EpochPage = pickle.loads(view.read_bytes())  # noqa: S301 - written by `lay_aside`, in this very build
        view.unlink()
        page = replace(page, report=report, names=ChainMap(dict(page.renamed), dict(self.names)))
        self.write(target, "epoch.html", 3, {"page": page, "marks": marks})
        table = seal_alone(self.html("embed.html", 3, {"page": page, "most": MOST_EMBEDDED}).lstrip())
        for place in embeds:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(table, "utf-8")


def lay_aside(page: EpochPage, view: Path) -> None:
    """Keep an epoch's view in a file: ten years of a large node are too many for the memory."""
    view.write_bytes(pickle.dumps(replace(page, names={})))


_mine: Renderer | None = None
"""What a helping process renders with."""


def _begin(renderer: Renderer) -> None:
    global _mine
    _mine = renderer


def _write(method: str, *arguments: object) -> None:
    getattr(_mine, method)(*arguments)


class Press:
    """Takes pages to be written, `pages` in all, and has written them when its block ends; raises what went wrong."""

    def __init__(self, renderer: Renderer, pages: int) -> None:
        self._renderer = renderer
        self._asked: list[Future[None]] = []
        self._pool: ProcessPoolExecutor | None = None
        if pages >= FEW:
            self._pool = ProcessPoolExecutor(processes(), get_context("spawn"), _begin, (renderer,))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=error is not None)
        if error is None:
            for asked in self._asked:
                asked.result()

    def page(self, target: Path, template: str, depth: int, **values: object) -> None:
        """As `Renderer.write`, now or soon."""
        self._print("write", target, template, depth, values)

    def epoch(
        self,
        target: Path,
        view: Path,
        report: Mapping[str, Any] | None,
        marks: Mapping[UserId, Mark] | None,
        embeds: Sequence[Path],
    ) -> None:
        """As `Renderer.write_epoch`, now or soon."""
        self._print("write_epoch", target, view, report, marks, embeds)

    def _print(self, method: str, *arguments: object) -> None:
        if self._pool:
            self._asked.append(self._pool.submit(_write, method, *arguments))
        else:
            getattr(self._renderer, method)(*arguments)
