"""What people wrote on GitHub, read in full each time: pull requests, reviews, comments, questions.

Accounts count by their immutable number, never by login. A text that was edited is marked so: who edited it is not
who wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from ledger.core.errors import LedgerError, SourceError
from ledger.core.values import Timestamp, parse_time
from ledger.forge.github import Forge

QUESTION_LABEL = "ledger:question"
BIND_LABEL = "ledger:bind"
EVER = Timestamp("")
"""Before all times."""
_BOTS = {"github-actions"}
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote: `account` is the immutable number of a person's account, None for bots and deleted accounts."""

    login: str
    account: int | None


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request of an epoch's branch; only an open one is worked on."""

    id: str
    number: int
    title: str
    body: str
    draft: bool
    head: str
    open: bool


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment on the issue or pull request `thread`; `ours` when the ledger's own account wrote it."""

    thread: int
    id: int
    author: Author
    body: str
    at: Timestamp
    edited: bool
    ours: bool


@dataclass(frozen=True, slots=True)
class Review:
    """One submitted review of the pull request as it stood at `commit`."""

    id: int
    author: Author
    state: str
    body: str
    at: Timestamp
    edited: bool
    commit: str


@dataclass(frozen=True, slots=True)
class Question:
    """One issue that carries the label of questions."""

    number: int
    author: Author
    body: str
    at: Timestamp


@dataclass(frozen=True, slots=True)
class Claim:
    """One open issue of the form *Bind my accounts*, as it reads now.

    `edited_by_another`: its words may not be the author's any more.
    """

    number: int
    author: Author
    body: str
    at: Timestamp
    edited_by_another: bool


@dataclass(frozen=True, slots=True)
class Merged:
    """A merged pull request with who had a part in it; `reviewers` approved it."""

    number: int
    body: str
    labels: tuple[str, ...]
    at: Timestamp
    author: Author
    merged_by: Author
    reviewers: tuple[Author, ...]


def find_pulls(forge: Forge, head: str) -> list[Pull]:
    """The pull requests from this repository's branch `head` to main that were not merged, oldest first.

    Forks with such a branch do not count. More than one: somebody closed the first, or deleted its branch.
    """
    data = forge.graphql("pulls", {"head": head})
    return sorted(_checked(lambda: list(_pulls(data, head)), "pulls"), key=lambda pull: pull.number)


def _pulls(data: dict[str, Any], head: str) -> Iterator[Pull]:
    repository = data["repository"]
    for node in repository["pullRequests"]["nodes"]:
        ours = node["headRepository"] is not None and node["headRepository"]["databaseId"] == repository["databaseId"]
        if ours and node["state"] != "MERGED" and (node["headRefName"], node["baseRefName"]) == (head, "main"):
            yield Pull(
                node["id"],
                int(node["number"]),
                node["title"],
                node["body"],
                bool(node["isDraft"]),
                node["headRefOid"],
                node["state"] == "OPEN",
            )


def read_comments(forge: Forge, number: int) -> list[Comment]:
    """All comments of a pull request or an issue, oldest first."""
    found = _walk(forge, "comments", {"number": number}, _comments, lambda node: _comment(number, node))
    return sorted(found, key=lambda one: (one.at, one.id))


def _comments(data: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = data["repository"]["issueOrPullRequest"]["comments"]
    return found


def _comment(thread: int, node: dict[str, Any]) -> Comment:
    author = node["author"] or {}
    bot = author.get("__typename") == "Bot" and author.get("login") in _BOTS
    return Comment(
        thread,
        int(node["fullDatabaseId"]),
        _author(node["author"]),
        node["body"],
        parse_time(node["createdAt"]),
        node["lastEditedAt"] is not None,
        bool(node["viewerDidAuthor"]) or bot,
    )


def read_reviews(forge: Forge, number: int) -> list[Review]:
    """All submitted reviews of a pull request, oldest first; a pending one is not submitted."""
    found = _walk(forge, "reviews", {"number": number}, _reviews, _review)
    return sorted((one for one in found if one is not None), key=lambda one: (one.at, one.id))


def _reviews(data: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = data["repository"]["pullRequest"]["reviews"]
    return found


def _review(node: dict[str, Any]) -> Review | None:
    if node["submittedAt"] is None:
        return None
    return Review(
        int(node["fullDatabaseId"]),
        _author(node["author"]),
        node["state"],
        node["body"],
        parse_time(node["submittedAt"]),
        node["lastEditedAt"] is not None,
        node["commit"]["oid"] if node["commit"] else "",
    )


def read_questions(forge: Forge, since: Timestamp = EVER, label: str = QUESTION_LABEL) -> list[Question]:
    """The issues with a label (of questions) that were opened from `since` on, oldest first."""
    found: list[Question] = []
    for question in _walk(forge, "questions", {"label": label}, _issues, _question):
        if question.at < since:
            break  # newest first
        found.append(question)
    return sorted(found, key=lambda one: (one.at, one.number))


def _issues(data: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = data["repository"]["issues"]
    return found


def _question(node: dict[str, Any]) -> Question:
    return Question(int(node["number"]), _author(node["author"]), node["body"], parse_time(node["createdAt"]))


def read_claims(forge: Forge, label: str = BIND_LABEL) -> list[Claim]:
    """The open issues with a label, oldest first, each with whether its words are still its author's."""
    return sorted(_walk(forge, "claims", {"label": label}, _issues, _claim), key=lambda one: (one.at, one.number))


def _claim(node: dict[str, Any]) -> Claim:
    author, edited = _author(node["author"]), node["lastEditedAt"]
    other = edited is not None and (author.account is None or _author(node["editor"]).account != author.account)
    return Claim(int(node["number"]), author, node["body"], parse_time(edited or node["createdAt"]), other)


def read_own_issues(forge: Forge, label: str) -> list[tuple[int, str]]:
    """Number and title of the open issues with a label that the ledger's own account wrote, oldest first."""
    found = _walk(forge, "own_issues", {"label": label}, _issues, lambda node: node)
    return [(int(node["number"]), str(node["title"])) for node in found if node["viewerDidAuthor"]]


def read_merged(forge: Forge) -> list[Merged]:
    """The merged pull requests that changed last, oldest first."""
    data = forge.graphql("merged", {})
    nodes = _checked(lambda: [_merged(node) for node in data["repository"]["pullRequests"]["nodes"]], "merged")
    return sorted(nodes, key=lambda one: one.number)


def _merged(node: dict[str, Any]) -> Merged:
    return Merged(
        number=int(node["number"]),
        body=node["body"] or "",
        labels=tuple(str(label["name"]) for label in node["labels"]["nodes"]),
        at=parse_time(node["mergedAt"]),
        author=_author(node["author"]),
        merged_by=_author(node["mergedBy"]),
        reviewers=tuple(_author(review["author"]) for review in node["reviews"]["nodes"]),
    )


def _author(node: dict[str, Any] | None) -> Author:
    if node is None:
        return Author("ghost", None)
    person = node["__typename"] == "User" and node.get("databaseId") is not None
    return Author(str(node["login"]), int(node["databaseId"]) if person else None)


def _walk(
    forge: Forge,
    query: str,
    variables: dict[str, Any],
    select: Callable[[dict[str, Any]], dict[str, Any]],
    build: Callable[[dict[str, Any]], T],
) -> Iterator[T]:
    """Every node of a connection, page by page to its end; SourceError for an answer of another shape."""
    after = None
    while True:
        data = forge.graphql(query, {**variables, "after": after})
        page = _checked(lambda data=data: select(data), query)  # type: ignore[misc]
        yield from _checked(lambda page=page: [build(node) for node in page["nodes"]], query)  # type: ignore[misc]
        info = page.get("pageInfo") or {}
        if not info.get("hasNextPage"):
            return
        after = info["endCursor"]


def _checked(build: Callable[[], T], query: str) -> T:
    try:
        return build()
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, LedgerError):
            raise
        raise SourceError(
            f"GitHub answered {query} in another form than documented",
            hint="Run this again later; report it if it stays.",
        ) from None
