"""Findings without end are told once and briefly: the first of each rule, then that there are more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from ledger.core.bounds import FINDINGS
from ledger.core.evaluate import Finding

MORE = "more lines are wrong; these are the first"


class Findings:
    """Findings in the order in which they came, each once, and no more than FINDINGS of a rule. Time: that of a set."""

    def __init__(self, findings: Iterable[Finding] = ()) -> None:
        self._kept: dict[Finding, None] = {}
        self._told: Counter[str] = Counter()
        self.extend(findings)

    def extend(self, findings: Iterable[Finding]) -> None:
        """Keep findings one after the other, as `add`."""
        for finding in findings:
            self.add(finding)

    def add(self, finding: Finding) -> None:
        """Keep a finding, or say that there are more of its rule."""
        if finding in self._kept or self._told[finding.rule] > FINDINGS:
            return
        self._told[finding.rule] += 1
        if self._told[finding.rule] > FINDINGS:
            finding = _more(finding)
        self._kept[finding] = None

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._kept)


def first_findings(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The first FINDINGS of them and, where there are more, one that says so; the rest is not asked for."""
    for number, finding in enumerate(findings):
        if number == FINDINGS:
            yield _more(finding)
            return
        yield finding


def _more(finding: Finding) -> Finding:
    return Finding(finding.rule, MORE, finding.path)
