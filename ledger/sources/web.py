"""Questions to a platform's web API, answered in JSON: limits obeyed, faults tried again, each answer's shape checked.

Standard library only. Waits are told and bounded in their sum; no redirection is followed, lest a token go astray; an
empty, cut or HTML answer is never taken for "nothing there". Knows nothing of windows, cursors or events.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any, NoReturn, TypeVar
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from ledger.core.bounds import NESTING
from ledger.core.canonical import clean_text, nesting
from ledger.core.errors import CredentialsError, SourceError
from ledger.core.values import Timestamp, timestamp, to_milliseconds
from ledger.sources.port import GOES_ON, SourceContext

ATTEMPTS = 6
TIMEOUT_SECONDS = 30
LARGEST = 32 * 1024 * 1024
"""Bytes of an answer."""
LIMITED_SECONDS = 30.0
"""The first wait for a limit that names no time; it doubles."""
T = TypeVar("T")


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """None: a redirection is an answer like any other, and no good one."""


class Web:
    """The way to one API. `name` is how words call it, `patience` bounds the sum of all waits, in seconds."""

    def __init__(
        self, context: SourceContext, name: str, url: str, patience: float, headers: Mapping[str, str]
    ) -> None:
        self._context, self._name, self._url, self._patience = context, name, url, patience
        self._headers = {"Accept": "application/json", "User-Agent": "contribution-ledger", **headers}
        self._opener = build_opener(_Stay)
        self._waited = 0.0
        self.server_time: Timestamp | None = None
        """The platform's clock, as its last answer had it."""

    def ask(self, what: str, check: Callable[[Any], T], *, path: str = "", body: Mapping[str, Any] | None = None) -> T:
        """What `check` makes of the answer; it raises KeyError, TypeError or ValueError for a wrong shape.

        `what` names the question in words; with a `body` it is a POST. Raises CredentialsError, SourceError.
        """
        why, pause, limited = "", 1.0, LIMITED_SECONDS
        for attempt in range(ATTEMPTS):
            try:
                return check(self._answer(path, body))
            except HTTPError as error:
                why = f"HTTP {error.code}"
                if error.code == 429 or error.code == 503:
                    pause = _seconds(error.headers) or limited
                    limited *= 2
                elif error.code < 500:
                    self._final(what, error.code)
            except (HTTPException, OSError) as error:
                why = f"the connection failed ({type(error).__name__})"
            except (AttributeError, LookupError, TypeError, ValueError) as error:
                why = f"the answer has another form than documented ({type(error).__name__})"
            if attempt + 1 < ATTEMPTS:
                self.pause(pause, f"{what}: {why}")
                pause = min(30.0, pause * 2)
        raise SourceError(f"{self._name} did not answer {what} after {ATTEMPTS} tries: {why}", hint=GOES_ON)

    def pause(self, seconds: float, why: str) -> None:
        """Waits, tells so, and raises SourceError where the sum of the waits would pass the bound."""
        if self._waited + seconds > self._patience:
            words = f"waiting {math.ceil(seconds)} s more would pass the bound of {self._patience:.0f} s"
            raise SourceError(f"{self._name}: {why}; {words}", hint=GOES_ON)
        self._waited += seconds
        self._context.tell(
            clean_text(f"{self._name}: {why}; waiting {seconds:.0f} s ({self._waited:.0f} of {self._patience:.0f} s)")
        )
        self._context.wait(seconds)

    def _answer(self, path: str, body: Mapping[str, Any] | None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers if data is None else {**self._headers, "Content-Type": "application/json"}
        request = Request(self._url + path, data, headers)  # noqa: S310 - https or loopback
        with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
            self.server_time = _date(answer.headers) or self.server_time
            text = answer.read(LARGEST + 1)
            if len(text) > LARGEST or nesting(text) > NESTING:
                raise ValueError("too large")
            return json.loads(text, parse_float=_no_fraction, parse_constant=_no_fraction)

    def _final(self, what: str, status: int) -> NoReturn:
        if status in (401, 403):
            raise CredentialsError(
                f"{self._name} refuses {what} (HTTP {status})", hint="Check the token. See docs/sources.md."
            )
        raise SourceError(f"{self._name} refuses {what} (HTTP {status})", hint="Check the address and the options.")


def _no_fraction(text: str) -> NoReturn:
    raise ValueError(f"{text[:20]} is no whole number")


def _seconds(headers: Message) -> float | None:
    """How long an answer asks to wait: as `Retry-After` says, else up to the second that `x-rate-limit-reset` names."""
    text, reset, sent = headers.get("Retry-After", ""), headers.get("x-rate-limit-reset", ""), _date(headers)
    if text.isascii() and text.isdigit() and len(text) < 7:
        return max(1.0, float(text))
    if sent and reset.isascii() and reset.isdigit() and len(reset) < 12:
        return max(1.0, float(int(reset) - to_milliseconds(sent) // 1000))
    return None


def _date(headers: Message) -> Timestamp | None:
    try:
        return timestamp(parsedate_to_datetime(headers["Date"]).astimezone(UTC))
    except (TypeError, ValueError):
        return None
