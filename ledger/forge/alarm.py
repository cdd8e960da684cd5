"""One issue for each workflow that fails: opened once, however often it fails, and closed when it works again.

Only issues that the ledger's own account wrote count: a stranger's issue with the same title neither hides an alarm
nor is closed by one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ledger.core.errors import UsageError
from ledger.forge.conversation import read_own_issues
from ledger.forge.github import Forge

ALARM_LABEL = "ledger:alarm"


def alarm(forge: Forge, workflow: str, environ: Mapping[str, str], *, ok: bool) -> int | None:
    """Open the workflow's issue, or with `ok` close it; the issue's number, None where nothing had to be done.

    UsageError for a name that is none of a workflow's file.
    """
    if re.fullmatch(r"[a-z][a-z0-9-]{0,40}", workflow, re.ASCII) is None:
        raise UsageError(f"{workflow!r} is no workflow", hint="Name its file without .yml, for example collect.")
    title = f"{workflow}: a run failed"
    standing = [number for number, named in read_own_issues(forge, ALARM_LABEL) if named == title]
    if not ok:
        if standing:
            return None
        body = {"title": title, "body": _body(forge, workflow, environ), "labels": [ALARM_LABEL]}
        made: int = forge.rest("POST", "issues", body)["number"]
        return made
    for number in standing:
        forge.rest("POST", f"issues/{number}/comments", {"body": f"`{workflow}` works again.{_run(forge, environ)}"})
        forge.rest("PATCH", f"issues/{number}", {"state": "closed"})
    return standing[0] if standing else None


def _body(forge: Forge, workflow: str, environ: Mapping[str, str]) -> str:
    return (
        f"A run of `{workflow}` failed.{_run(forge, environ)}\n\nNothing is lost: every run goes on where the last one "
        "stood. Look at what the failing step said, mend it, and run the workflow again. This issue is closed when a "
        "run succeeds; further failures add nothing to it."
    )


def _run(forge: Forge, environ: Mapping[str, str]) -> str:
    number = environ.get("GITHUB_RUN_ID", "")
    return f" See [the run]({forge.url}/actions/runs/{number})." if re.fullmatch(r"[0-9]{1,20}", number) else ""
