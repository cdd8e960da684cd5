"""From webhook payloads to the very items that polling gives: the names of the REST API's fields.

Pure. Which kind of payload it is shows in its keys, so that a file alone is enough. What a payload does not hold:
the message of the merge commit, which the source asks for, and files, which are left to polling.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledger.sources.github.rules import Found, Place, Rules, Subject, Who, labels_of

Payload = Mapping[str, Any]


def unwrapped(payload: Payload) -> Payload:
    """The payload itself, also where a `repository_dispatch` brought it: as `client_payload.payload`, or as all of it.

    The former is the common way, since GitHub takes ten keys at most there.
    """
    inner = payload.get("client_payload")
    if isinstance(inner, Mapping):
        inner = inner.get("payload", inner)
    return inner if isinstance(inner, Mapping) and "repository" in inner else payload


def who(user: Payload | None) -> Who:
    """The account behind something: null or `ghost` once it was deleted."""
    if user is None:
        return Who.of(None, None, bot=False)
    return Who.of(number(user["id"]), user["login"], bot=user.get("type") == "Bot")


def number(value: object) -> int:
    """A number that ids or figures are made of; TypeError for anything else."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("text where a number belongs")
    return value


def word(value: object) -> str:
    """A short text that GitHub itself makes: a state, a commit, a branch; ValueError where it is none."""
    if not isinstance(value, str) or not value.isprintable() or len(value) > 255:
        raise ValueError("a text where a short word belongs")
    return value


def items(payload: Payload, place: Place, rules: Rules) -> list[Found] | None:
    """The items of a payload; None for those that bring none of our events (other actions and kinds).

    Raises KeyError, TypeError or ValueError where the payload is not what GitHub documents.
    """
    action = payload.get("action")
    if "release" in payload:
        return _release(payload["release"], place, rules) if action == "published" else None
    if "pull_request" in payload:
        return _pull(payload, action, place, rules)
    if "issue" in payload:
        return _issue(payload, action, place, rules)
    return None


def merges(payload: Payload) -> bool:
    """Whether the payload says that a pull request was merged."""
    kinds = {"review", "comment"} & payload.keys()
    return (
        payload.get("action") == "closed"
        and "pull_request" in payload
        and not kinds
        and (payload["pull_request"]["merged_at"] is not None)
    )


def coauthored(payload: Payload, place: Place, rules: Rules, commit: Payload) -> list[Found]:
    """The co-authors of a merged pull request; `commit` is its merge commit, with the `messages` to read."""
    pull = payload["pull_request"]
    subject = _subject(pull, place, True)
    return rules.coauthored(subject, pull["merged_at"], pull["title"], commit["oid"], commit["messages"])


def touches_pull(payload: Payload) -> bool:
    """Whether the payload is about a pull request, also by a comment on one."""
    return "pull_request" in payload or bool((payload.get("issue") or {}).get("pull_request"))


def _pull(payload: Payload, action: object, place: Place, rules: Rules) -> list[Found] | None:
    pull = payload["pull_request"]
    subject = _subject(pull, place, True)
    if "review" in payload:
        review = payload["review"]
        if action != "submitted":
            return None
        return rules.reviewed(
            subject,
            number(review["id"]),
            word(review["state"]),
            review["submitted_at"],
            who(review["user"]),
            review["body"],
        )
    if "comment" in payload:
        comment = payload["comment"]
        if action != "created":
            return None
        return rules.diff_commented(
            subject, number(comment["id"]), number(comment["pull_request_review_id"]), comment["created_at"],
            who(comment["user"]), comment["body"],
        )  # fmt: skip
    if action != "closed" or pull["merged_at"] is None:
        return None
    facts = {
        "additions": number(pull["additions"]),
        "base_branch": word(pull["base"]["ref"]),
        "changed_files": number(pull["changed_files"]),
        "deletions": number(pull["deletions"]),
        "merge_commit": pull["merge_commit_sha"] and word(pull["merge_commit_sha"]),
    }
    found = rules.merged(subject, pull["merged_at"], pull["title"], pull["body"], facts)
    return found + rules.merged_by(subject, pull["merged_at"], pull["title"], who(pull.get("merged_by")))


def _issue(payload: Payload, action: object, place: Place, rules: Rules) -> list[Found] | None:
    issue = payload["issue"]
    subject = _subject(issue, place, bool(issue.get("pull_request")))
    if "comment" in payload:
        comment = payload["comment"]
        if action != "created":
            return None
        return rules.commented(
            subject, number(comment["id"]), comment["created_at"], who(comment["user"]), comment["body"]
        )
    if action == "opened":
        return rules.opened(subject, issue["created_at"], issue["title"], issue["body"])
    if action == "closed" and issue["closed_at"] is not None:
        return rules.closed(
            subject, issue["closed_at"], issue["title"], issue.get("state_reason") and word(issue["state_reason"])
        )
    return None


def _release(release: Payload, place: Place, rules: Rules) -> list[Found] | None:
    author = who(release["author"])
    if author.bot:
        return None  # polling cannot tell it from a deleted account's, so polling decides what it is
    return rules.released(
        place, number(release["id"]), release["tag_name"], release["name"], release["published_at"], author,
        draft=release["draft"], prerelease=release["prerelease"], body=release["body"],
    )  # fmt: skip


def _subject(thing: Payload, place: Place, is_pull: bool) -> Subject:
    labels = labels_of([label["name"] for label in thing.get("labels") or ()])
    return Subject(place, number(thing["number"]), is_pull, who(thing["user"]), labels)
