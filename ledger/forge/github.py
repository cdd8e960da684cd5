"""One repository on GitHub as the place of review: checked answers, plain errors, nothing about the ledger.

Addresses and credentials are those of the environment (`GITHUB_REPOSITORY`, `GITHUB_TOKEN`, `GITHUB_API_URL`,
`GITHUB_GRAPHQL_URL`, `GITHUB_SERVER_URL`), as Actions sets them. Every write here may be repeated by a later run, so
an answer that was lost costs nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from ledger.core.config import REPOSITORY_PATTERN
from ledger.core.errors import ConfigError, CredentialsError, InputError, SourceError

TIMEOUT_SECONDS = 30
RETRIES = 4
LONGEST_WAIT_SECONDS = 60
"""How long a rate limit is waited for within a run."""
PAGE = 100


class NotFoundError(InputError):
    """GitHub has no such thing, or does not show it to this account (404)."""


class RefusedError(InputError):
    """GitHub understood and said no; `status` is 405, 409, 422 and the like."""

    def __init__(self, message: str, status: int, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class Forge:
    """The repository `name` (owner/name). ConfigError or CredentialsError for an environment that cannot work."""

    def __init__(self, environ: Mapping[str, str], repository: str | None = None) -> None:
        self.name = repository or environ.get("GITHUB_REPOSITORY", "")
        if not self.name or re.fullmatch(REPOSITORY_PATTERN, self.name) is None:
            raise ConfigError(
                f"the repository {self.name!r} is not owner/name",
                path="ledger.yaml",
                hint="Set `repository: owner/name` in ledger.yaml, or GITHUB_REPOSITORY.",
            )
        token = environ.get("GITHUB_TOKEN") or environ.get("GH_TOKEN")
        if not token:
            raise CredentialsError(
                "GITHUB_TOKEN is not set",
                hint="In a workflow: env GITHUB_TOKEN. On your machine: `gh auth token`, or a fine-grained token that "
                "may write pull requests of this repository.",
            )
        self.server = address(environ, "GITHUB_SERVER_URL", "https://github.com")
        self._rest = _requester(token, address(environ, "GITHUB_API_URL", "https://api.github.com"))
        graphql = address(environ, "GITHUB_GRAPHQL_URL", "").removesuffix("/graphql")
        self._graphql = _requester(token, graphql) if graphql else self._rest

    @property
    def url(self) -> str:
        """The repository's own page."""
        return f"{self.server}/{self.name}"

    def rest(self, verb: str, path: str, body: Any = None) -> Any:
        """One REST call; `path` starts at the repository when it does not start with `/`. None for an empty answer.

        Raises NotFoundError, RefusedError, CredentialsError, SourceError.
        """
        url = path if path.startswith("/") else f"/repos/{self.name}/{path}".rstrip("/")
        status, _, text = _send(lambda: self._rest.requestJson(verb, url, input=body))
        if status >= 400:
            raise _refused(status, text, f"{verb} {url}")
        if not text:
            if verb == "GET":  # PyGithub would take it for an empty list
                raise SourceError(f"GitHub answered {verb} {url} with nothing", hint="Run this again later.")
            return None
        return _json(text, f"{verb} {url}")

    def pages(self, path: str) -> Iterator[dict[str, Any]]:
        """All items of a REST list, a hundred at a time; SourceError where GitHub answers with something else."""
        page = 1
        while True:
            found = self.rest("GET", f"{path}{'&' if '?' in path else '?'}per_page={PAGE}&page={page}")
            if not isinstance(found, list):
                raise SourceError(f"GitHub answered GET {path} with no list", hint="Run this again later.")
            yield from found
            if len(found) < PAGE:
                return
            page += 1

    def graphql(self, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The data of `queries/<query>.graphql`; partial data counts as none. Owner and name need not be given."""
        owner, _, name = self.name.partition("/")
        asked = {"owner": owner, "name": name, **variables}
        text = files("ledger.forge.queries").joinpath(f"{query}.graphql").read_text("utf-8")
        wanted = set(re.findall(r"\$(\w+)\s*:", text))
        body = {"query": text, "variables": {key: value for key, value in asked.items() if key in wanted}}
        status, _, answer = _send(lambda: self._graphql.requestJson("POST", self._graphql.graphql_url, input=body))
        if status >= 400:
            raise _refused(status, answer, query)
        found = _json(answer, query)
        if not isinstance(found, dict) or not isinstance(found.get("data"), dict) or found.get("errors"):
            errors = found.get("errors") if isinstance(found, dict) else None
            why = errors[0].get("message", "") if isinstance(errors, list) and errors else "no data"
            raise SourceError(f"GitHub did not answer {query}: {str(why)[:200]}", hint="Run this again later.")
        data: dict[str, Any] = found["data"]
        return data


def account_number(environ: Mapping[str, str], login: str) -> int:
    """The immutable number of a person's account on GitHub, by its present name; needs no token.

    InputError where there is none of that name, or it is no person's.
    """
    base = address(environ, "GITHUB_API_URL", "https://api.github.com")
    requester = _requester(environ.get("GITHUB_TOKEN") or environ.get("GH_TOKEN") or "", base)
    status, _, text = _send(lambda: requester.requestJson("GET", f"/users/{login}"))
    if status == 404:
        raise InputError(f"there is no account {login} on GitHub", hint="Check its name, or give its number.")
    if status >= 400:
        raise _refused(status, text, f"GET /users/{login}")
    found = _json(text, f"GET /users/{login}")
    if not isinstance(found, dict) or found.get("type") != "User" or not isinstance(found.get("id"), int):
        raise InputError(f"{login} is no person's account on GitHub", hint="Organisations and bots sign nothing.")
    return int(found["id"])


def address(environ: Mapping[str, str], name: str, default: str) -> str:
    """A URL of the environment; a token goes only over https, or to this machine itself. ConfigError otherwise."""
    url = (environ.get(name) or default).rstrip("/")
    parts = urlsplit(url)
    local = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if url and (parts.scheme not in ("https", "http") or not parts.hostname or (parts.scheme == "http" and not local)):
        raise ConfigError(f"{name} is no https address", hint="For example https://github.example.org.")
    return url


def _requester(token: str, base: str) -> Any:
    import github  # lazily: an extra, and what only reads files needs none

    return github.Github(
        auth=github.Auth.Token(token) if token else None,
        base_url=base,
        timeout=TIMEOUT_SECONDS,
        user_agent="contribution-ledger",
        # a job that sleeps until the hour's requests come back is billed for it; the next run goes on anyway
        retry=github.GithubRetry(total=RETRIES, backoff_factor=0.5, max_rate_limit_wait=LONGEST_WAIT_SECONDS),
        seconds_between_requests=0,
        seconds_between_writes=0,
    ).requester


def _send(call: Any) -> tuple[int, dict[str, Any], str]:
    import github
    import requests
    import urllib3

    try:
        found: tuple[int, dict[str, Any], str] = call()
    except github.GithubException as error:
        raise _refused(error.status, json.dumps(error.data), "the request") from None
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        if isinstance(error, requests.exceptions.RetryError):
            why = f"it answered {RETRIES + 1} times with an error of its own"
        elif isinstance(error, requests.exceptions.Timeout):
            why = f"no answer within {TIMEOUT_SECONDS} seconds"
        elif isinstance(error, requests.exceptions.ConnectionError):
            why = "no connection; is the network up, and GITHUB_API_URL right?"
        else:
            why = "its answer broke off"
        raise SourceError(f"GitHub cannot be reached: {why}", hint="Run this again later; nothing is lost.") from None
    return found


def _json(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise SourceError(f"GitHub answered {what} with something else than JSON", hint="Run this again.") from None


def _refused(status: int, text: str, what: str) -> Exception:
    try:
        found = json.loads(text)
        said = str(found.get("message", "")) if isinstance(found, dict) else ""
        details = found.get("errors") if isinstance(found, dict) else None
        if isinstance(details, list) and details:
            said += ": " + str(details[0].get("message", details[0]) if isinstance(details[0], dict) else details[0])
    except ValueError:
        said = ""
    message = f"GitHub refused {what} (HTTP {status}): {said[:200]}".rstrip(": ")
    if status == 401:
        return CredentialsError(message, hint="The token is wrong or has expired.")
    if status in (403, 429) and "rate limit" in said:
        return SourceError(message, hint="This hour's requests are used up; nothing is lost, the next run goes on.")
    if status == 403:
        return CredentialsError(message, hint="The token may not do this; see docs/operate.md for its permissions.")
    if status == 404:
        return NotFoundError(message, hint="Check the repository's name and the token's permissions.")
    if status >= 500 or status == 429:
        return SourceError(message, hint="Run this again later; nothing is lost.")
    return RefusedError(message, status)
