"""The REST paths: each is named by its template in GitHub's OpenAPI description, and by what a token needs for it.

A handler gets the call and returns what is answered; what is refused it raises. Who writes is checked by the world;
`needs` is what a job's `permissions:` must hold (`contents:write`; alternatives by `|`), with two names
that no job can have: `administration` and `variables`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qs, quote, unquote, urlsplit

from ..actions import World
from ..openapi import wrong_request
from ..world import ACTIONS, Account, Refused, Repository, Token

REPO = "/repos/{owner}/{repo}"
T = TypeVar("T")


@dataclass
class Call:
    """One request: who asks, what the path's template took from it, and what was sent."""

    world: World
    token: Token
    params: dict[str, str]
    query: Mapping[str, str]
    body: Any
    path: str

    @property
    def me(self) -> Account:
        return self.token.account

    @property
    def login(self) -> str:
        return self.me.login

    def number(self, name: str) -> int:
        """A number of the path; Refused (404) for anything else."""
        if not self.params[name].isascii() or not self.params[name].isdigit():
            raise Refused(404, "Not Found")
        return int(self.params[name])

    def text(self, name: str, default: str | None = None) -> str:
        """A text that must be in the body, unless there is a default; Refused (422)."""
        found = self.body.get(name, default) if isinstance(self.body, dict) else None
        if not isinstance(found, str):
            raise Refused(422, f"Invalid request.\n\n{name!r} wasn't supplied.")
        return found


@dataclass
class Reply:
    """What is answered."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Call], Reply]


@dataclass(frozen=True)
class Route:
    """A path of the description: `template` and `method` name it there."""

    method: str
    template: str
    needs: str
    handler: Handler
    pattern: re.Pattern[str]


ROUTES: list[Route] = []
_ROLES = {"administration": "admin", "variables": "write"}
_DEEP = ("path", "ref", "branch")


def route(method: str, template: str, needs: str = "metadata:read") -> Callable[[Handler], Handler]:
    """Serve a path of the description."""

    def add(handler: Handler) -> Handler:
        def group(match: re.Match[str]) -> str:
            return f"(?P<{match[1]}>{'.+' if match[1] in _DEEP else '[^/]+'})"

        ROUTES.append(Route(method, template, needs, handler, re.compile(re.sub(r"\{(\w+)\}", group, template))))
        return handler

    return add


def find(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The first route that fits a path, with what its template takes from it."""
    for known in ROUTES:
        if known.method == method and (match := known.pattern.fullmatch(path)):
            return known, {name: unquote(value) for name, value in match.groupdict().items()}
    return None


def answer(world: World, token: Token, method: str, target: str, body: Any) -> tuple[Reply, Route | None]:
    """The answer to a request, and the route that gave it."""
    parts = urlsplit(target)
    found = find(method, parts.path.rstrip("/") or "/")
    if found is None:
        return refusal(Refused(404, "Not Found")), None
    known, params = found
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    call = Call(world, token, params, query, body, target)
    try:
        with world.lock:
            world.settle()
            if repository_of(call) is not world.repository and known.template.startswith(f"{REPO}/"):
                raise Refused(404, "Not Found")  # of forks there is but the repository itself
            _allowed(call, known.needs)
            if (wrong := wrong_request(f"{known.method} {known.template}", body)) is not None:
                raise Refused(422, wrong)
            return known.handler(call), known
    except Refused as error:
        return refusal(error), known


def refusal(error: Refused) -> Reply:
    """How GitHub words a refusal."""
    body = {"message": error.message, "documentation_url": "https://docs.github.com/rest", "status": str(error.status)}
    if error.errors is not None:
        body["errors"] = error.errors  # type: ignore[assignment]
    return Reply(error.status, body)


def repository_of(call: Call) -> Repository | None:
    """The repository or fork that the path names; Refused (404) for any other."""
    if "owner" not in call.params:
        return None
    wanted = f"{call.params['owner']}/{call.params['repo']}".lower()
    for one in (call.world.repository, *call.world.forks):
        if one.full_name.lower() == wanted:
            return one
    raise Refused(404, "Not Found")


def _allowed(call: Call, needs: str) -> None:
    """Whether the token may: reading what is public is for everybody, but for what only administrators see."""
    kinds = [need.split(":") for need in needs.split("|")]
    if call.token.permissions is not None or call.login == ACTIONS:
        held = call.token.permissions
        for name, level in kinds:
            if name in _ROLES and call.login == ACTIONS:
                break
            if name == "metadata" or held is None or held.get(name) in (level, "write"):
                return
            if level == "read" and not call.world.settings.private:
                return
        raise Refused(403, "Resource not accessible by integration")
    role = _ROLES.get(kinds[0][0], "read" if call.world.settings.private else "none")
    if not call.me.may(role):
        raise Refused(403 if call.me.may("read") else 404, f"Must have {role} rights to Repository.")


def page(call: Call, items: list[T], show: Callable[[T], Any]) -> Reply:
    """One page of a list, with the links to the others."""
    size = min(100, max(1, int(call.query.get("per_page", "30"))))
    at = max(1, int(call.query.get("page", "1")))
    last = max(1, -(-len(items) // size))
    shown = [show(item) for item in items[(at - 1) * size : at * size]]
    links = []
    for rel, number in (("next", at + 1), ("last", last), ("prev", at - 1)):
        if (rel == "prev" and number >= 1) or (rel != "prev" and at < last):
            query = "&".join(f"{quote(k)}={quote(v)}" for k, v in {**call.query, "page": str(number)}.items())
            links.append(f'<{call.world.url()}{urlsplit(call.path).path}?{query}>; rel="{rel}"')
    return Reply(body=shown, headers={"Link": ", ".join(links)} if links else {})
