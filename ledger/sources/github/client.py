"""PyGithub's requester and every question put to it: limits obeyed, faults tried again, each answer's shape checked.

PyGithub's own repetitions are off: they neither tell nor bound their waits, miss half of GitHub's ways to say
"later", and take an empty or cut answer for an empty list. Knows nothing of windows, cursors or events.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import github
import jwt
import requests
import urllib3
from github.Requester import Requester

from ledger.core.canonical import clean_text
from ledger.core.errors import CredentialsError, LedgerError, SourceError
from ledger.core.values import Timestamp, timestamp, to_milliseconds
from ledger.sources.address import api_address
from ledger.sources.github.queries import load
from ledger.sources.port import GOES_ON, SourceContext

PAGE = 100
"""Items a page: the most that GitHub gives."""
ATTEMPTS = 9
"""Tries of one question that fails. Each halves the page, so that the last ones ask for a single item."""
TIMEOUT_SECONDS = 30
"""How long GitHub may be silent; it gives up on a query itself after 10 seconds."""
LONGEST_PAUSE = 30.0
"""The pause after a failure, in seconds, doubles from one up to this."""
SECONDARY_SECONDS = 60.0
"""The first pause for a secondary limit that names no time, as GitHub asks for; it doubles."""
EXAMPLE = "https://github.example.org/api/v3"
"""What an address of GitHub Enterprise looks like."""
RENEW_SECONDS = 300
"""How long before its end an app's token is renewed."""

_LIMITS = {"RATE_LIMITED", "RATE_LIMIT", "graphql_rate_limit"}
TORN_TRIES = 2
"""How often a question is asked again for things that GitHub withholds, before they are taken as withheld."""
T = TypeVar("T")


class Malformed(Exception):
    """An answer that is not what GitHub documents for this question; worth another try."""


class Torn(Malformed):
    """An answer in which GitHub withholds single things: null where a node stands, or an error about one.

    `soon`: it says why for good (no access, or nothing), so that few tries are enough.
    """

    def __init__(self, words: str, *, soon: bool) -> None:
        super().__init__(words)
        self.soon = soon


class StaleCursor(SourceError):
    """GitHub does not know the cursor (any more)."""


class Client:
    """One account's way to GitHub. `patience` bounds, in seconds, the sum of all waits; past it, SourceError.

    Addresses come from `GITHUB_API_URL` and `GITHUB_GRAPHQL_URL`; credentials are `GITHUB_TOKEN`, or a GitHub App's
    `GITHUB_APP_ID` and `GITHUB_APP_PRIVATE_KEY` (and `GITHUB_APP_INSTALLATION_ID`, else the one for `repository`).
    """

    def __init__(self, context: SourceContext, patience: float, repository: str) -> None:
        environ = context.environ
        self._context = context
        self._patience = patience
        self._repository = repository
        self._waited = 0.0
        self._sizes: dict[str, int] = {}
        self._api = api_address(environ, "GITHUB_API_URL", "https://api.github.com", EXAMPLE)
        graphql = api_address(environ, "GITHUB_GRAPHQL_URL", "", EXAMPLE)
        self._graphql = graphql.removesuffix("/graphql") or self._api
        self._requester: Requester | None = None
        self._expires = math.inf
        self.server_time: Timestamp | None = None
        """GitHub's clock, as its last answer had it."""
        if not environ.get("GITHUB_TOKEN") and not environ.get("GITHUB_APP_ID"):
            raise CredentialsError(
                "GITHUB_TOKEN is not set",
                hint="Make a fine-grained token that may read the repository, or a GitHub App. See docs/sources.md.",
            )

    def ask(
        self, query: str, variables: Mapping[str, Any], check: Callable[[dict[str, Any]], T], most: int = PAGE
    ) -> T:
        """What `check` makes of the answer's data; it raises KeyError, TypeError or ValueError for a wrong shape.

        The variable `first` is the page's size: `most`, or less after failures. What GitHub goes on to withhold while
        it gives the rest reaches `check` as None in the place of a node or a list; then the data holds `withheld`.
        Raises StaleCursor, CredentialsError, SourceError.
        """
        why, failures, torn, pause = "", 0, 0, SECONDARY_SECONDS
        while failures < ATTEMPTS:
            asked = {**variables, "first": min(most, self._sizes.get(query, PAGE))}
            try:
                status, headers, body = self._send(load(query), asked)
                limited = _limit(status, headers, body)
                if limited is not None:
                    seconds, pause = (limited, pause) if limited > 0 else (pause, pause * 2)
                    self._wait(seconds, "rate limit reached")
                    continue
                data = check(_data(status, body, torn >= TORN_TRIES or failures == ATTEMPTS - 1))
                self._sizes[query] = min(PAGE, self._sizes.get(query, PAGE) * 2)
                return data
            except Torn as error:
                why, torn = clean_text(str(error)), torn + error.soon
                asked["first"] *= 2 if error.soon else 1  # a smaller page would hold the same
            except Malformed as error:
                why = clean_text(str(error))
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                why = clean_text(f"the connection failed ({type(error).__name__} {str(error)[:100]}".strip()) + ")"
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
                why = f"the answer has another form than documented ({type(error).__name__})"
            except github.GithubException as error:
                why = self._failed_login(error)
            except RuntimeError:  # how PyGithub says that it will not follow
                raise _moved_away() from None
            failures += 1
            self._sizes[query] = max(1, asked["first"] // 2)
            if failures < ATTEMPTS:
                self._wait(min(LONGEST_PAUSE, 2.0 ** (failures - 1)), why)
        raise SourceError(f"GitHub did not answer {query!r} after {ATTEMPTS} tries: {why}", hint=GOES_ON)

    def close(self) -> None:
        """Ends the connections; the next question opens new ones."""
        if self._requester is not None:
            self._requester.close()
        self._requester = None

    def _send(self, query: str, variables: Mapping[str, Any]) -> tuple[int, dict[str, Any], str]:
        """One request, its answer as it came: PyGithub would turn errors and partial data into exceptions."""
        requester = self._connected()
        status, headers, body = requester.requestJson(
            "POST", requester.graphql_url, input={"query": query, "variables": dict(variables)}
        )
        self.server_time = _date(headers) or self.server_time
        if status == 401:
            self.close()
            raise CredentialsError(
                "GitHub refused the token", hint="It may have expired: make a new one. See docs/sources.md."
            )
        return status, headers, body

    def _connected(self) -> Requester:
        if self._requester is not None and time.time() > self._expires - RENEW_SECONDS:
            self.close()
        if self._requester is None:
            token = self._app_token() if self._context.environ.get("GITHUB_APP_ID") else None
            self._requester = github.Github(
                auth=github.Auth.Token(token or self._context.environ["GITHUB_TOKEN"]),
                base_url=self._graphql,
                timeout=TIMEOUT_SECONDS,
                user_agent="contribution-ledger",
                retry=None,
                seconds_between_requests=0,
                seconds_between_writes=0,  # a GraphQL question is a POST, but writes nothing
            ).requester
        return self._requester

    def _app_token(self) -> str:
        """A token for the app's installation, good for an hour."""
        environ = self._context.environ
        try:
            auth = github.Auth.AppAuth(environ["GITHUB_APP_ID"], environ.get("GITHUB_APP_PRIVATE_KEY", "") or "none")
            with github.GithubIntegration(
                auth=auth, base_url=self._api, timeout=TIMEOUT_SECONDS, retry=None, seconds_between_writes=0
            ) as app:
                number = environ.get("GITHUB_APP_INSTALLATION_ID")
                owner, _, name = self._repository.partition("/")
                minted = app.get_access_token(int(number) if number else app.get_repo_installation(owner, name).id)
        except (jwt.PyJWTError, ValueError):
            raise CredentialsError(
                "GITHUB_APP_PRIVATE_KEY is no private key in PEM form, or an id of the app is no number",
                hint="Download a key on the app's page and pass the file's text. See docs/sources.md.",
            ) from None
        self._expires = minted.expires_at.timestamp()
        return minted.token

    @staticmethod
    def _failed_login(error: github.GithubException) -> str:
        if error.status in (401, 403, 404):
            raise CredentialsError(
                f"GitHub refused the app (HTTP {error.status})",
                hint="Check its id, its key, and that it is installed on the repository. See docs/sources.md.",
            ) from None
        return f"HTTP {error.status} for the app's token"

    def _wait(self, seconds: float, why: str) -> None:
        """Waits, tells so, and raises SourceError where the sum of the waits would pass the bound."""
        if self._waited + seconds > self._patience:
            raise SourceError(
                f"GitHub: {why}; waiting {math.ceil(seconds)} s more would pass the bound of {self._patience:.0f} s",
                hint=GOES_ON,
            )
        self._waited += seconds
        self._context.tell(f"GitHub: {why}; waiting {seconds:.0f} s ({self._waited:.0f} of {self._patience:.0f} s)")
        self._context.wait(seconds)


def _limit(status: int, headers: Mapping[str, Any], body: str) -> float | None:
    """How many seconds GitHub wants us to wait: None for not at all, 0.0 where it does not say for how long."""
    kinds = {kind for error in _errors(body) for kind in (error.get("type"), _code(error))}
    text = body[:2000].lower()
    told = status == 429 or (status == 403 and ("rate limit" in text or "retry-after" in headers or "abuse" in text))
    spent = headers.get("x-ratelimit-remaining") == "0" and (told or bool(kinds & _LIMITS))
    if not told and not kinds & _LIMITS:
        return None
    after = _number(headers.get("retry-after"))
    if after is not None:
        return max(1.0, after)
    until = _number(headers.get("x-ratelimit-reset"))
    if until is None or not spent:
        return 0.0
    now = _date(headers) or timestamp(datetime.now(UTC))  # GitHub's own clock first, since ours may be wrong
    return max(1.0, until - to_milliseconds(now) // 1000 + 1)


def _data(status: int, body: str, torn: bool) -> dict[str, Any]:
    """The data of a whole answer. Partial data is not taken for whole: it raises Malformed, as anything else odd.

    `torn`: an answer that withholds single things is taken, with `withheld` in it.
    """
    if status == 403:
        raise CredentialsError(
            "GitHub forbids the request (HTTP 403)",
            hint="The token may lack a permission, or an organisation's single sign-on. See docs/sources.md.",
        )
    if 300 <= status < 400:
        raise _moved_away()
    if status == 404:
        raise SourceError("GitHub has no GraphQL at this address (HTTP 404)", hint="Check GITHUB_GRAPHQL_URL.")
    if status != 200:
        raise Malformed(f"HTTP {status}")
    errors = [error for error in _errors(body) if not _vanished(error)]
    for error in errors:
        if not _within(error):
            _raise_final(error)
    if not all(map(_within, errors)):
        raise Malformed("partial data: " + _kind(errors[0]))
    try:
        data = json.loads(body)["data"]
    except (KeyError, TypeError, ValueError):
        raise Malformed("the answer is not JSON with data") from None
    if not isinstance(data, dict):
        raise Malformed("the answer has no data")
    if errors or _has_null_node(data):
        if not torn:
            words = f"GitHub withholds part of its answer ({_kind(errors[0]) if errors else 'null'})"
            raise Torn(words, soon=all(error.get("type") in _WITHHELD for error in errors))
        data["withheld"] = True
    return data


_WITHHELD = ("FORBIDDEN", "INSUFFICIENT_SCOPES")


def _kind(error: Mapping[str, Any]) -> str:
    return str(error.get("type") or error.get("message"))[:80]


def _within(error: Mapping[str, Any]) -> bool:
    """Whether an error is about one thing of a list, and not about all that was asked for."""
    path = error.get("path")
    if not isinstance(path, list) or error.get("type") == "INVALID_CURSOR_ARGUMENTS":
        return False
    return path[:1] == ["node"] or any(isinstance(step, int) for step in path)


def _has_null_node(value: Any) -> bool:
    """Whether some list of nodes holds null; things asked for by their ids may be gone, and are no such list."""
    if isinstance(value, list):
        return any(map(_has_null_node, value))
    if not isinstance(value, dict):
        return False
    nodes = value.get("nodes")
    return (isinstance(nodes, list) and None in nodes) or any(map(_has_null_node, value.values()))


def _moved_away() -> SourceError:
    """A redirection: a token is not sent after it."""
    return SourceError(
        "GitHub's address redirects to another one",
        hint="Check GITHUB_API_URL and GITHUB_GRAPHQL_URL: https, no proxy.",
    )


def _raise_final(error: Mapping[str, Any]) -> None:
    kind, message = error.get("type"), clean_text(str(error.get("message"))[:200])
    problem: LedgerError | Exception | None = None
    if kind == "NOT_FOUND":
        hint = "Check its name in the scope's file, and that the token may read it. See docs/sources.md."
        problem = SourceError(f"GitHub: {message}", hint=hint)
    elif kind in ("FORBIDDEN", "INSUFFICIENT_SCOPES"):
        problem = CredentialsError(f"GitHub: {message}", hint="The token lacks a permission. See docs/sources.md.")
    elif kind == "INVALID_CURSOR_ARGUMENTS":
        problem = StaleCursor(message)
    if problem is not None:
        raise problem


def _vanished(error: Mapping[str, Any]) -> bool:
    """Whether it only says that a thing asked for by its id is gone; null stands in its place."""
    path = error.get("path")
    return error.get("type") == "NOT_FOUND" and isinstance(path, list) and path[:1] != ["repository"]


def _errors(body: str) -> list[Mapping[str, Any]]:
    if '"errors"' not in body:
        return []
    try:
        errors = json.loads(body)["errors"]
    except (KeyError, TypeError, ValueError):
        return []
    return [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else [{}]


def _code(error: Mapping[str, Any]) -> object:
    extensions = error.get("extensions")
    return extensions.get("code") if isinstance(extensions, dict) else None


def _date(headers: Mapping[str, Any]) -> Timestamp | None:
    try:
        return timestamp(parsedate_to_datetime(headers["date"]).astimezone(UTC))
    except (KeyError, TypeError, ValueError):
        return None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, str) and value.isascii() and value.isdigit() else None
