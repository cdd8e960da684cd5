"""From GraphQL's objects to items: the names of GitHub's fields, and nothing about what counts (that is `rules`).

Pure. A field that is missing or of another type raises KeyError, TypeError or ValueError: the answer cannot be used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ledger.sources.github.nested import reactable
from ledger.sources.github.rules import Found, Place, Rules, Subject, Who, labels_of

Node = Mapping[str, Any]
_NONE: Node = {"nodes": ()}


def who(actor: Node | None) -> Who:
    """The account behind something; null once it was deleted."""
    if actor is None:
        return Who.of(None, None, bot=False)
    number = actor.get("databaseId") or (actor.get("user") or {}).get("databaseId")
    return Who.of(number, actor["login"], bot=actor["__typename"] == "Bot")


def pull(node: Node, place: Place, rules: Rules) -> list[Found]:
    """All that a pull request holds, its connections followed to their ends."""
    paths = tuple(file["path"] for file in (node.get("files") or {"nodes": ()})["nodes"])
    subject = _subject(node, place, True, paths)
    found: list[Found] = []
    if node["mergedAt"] is not None:
        commit = node["mergeCommit"] or {"oid": None, "message": ""}
        facts = {
            "additions": node["additions"],
            "base_branch": node["baseRefName"],
            "changed_files": node["changedFiles"],
            "deletions": node["deletions"],
            "merge_commit": commit["oid"],
        }
        found += rules.merged(subject, node["mergedAt"], node["title"], node["body"], facts)
        found += rules.merged_by(subject, node["mergedAt"], node["title"], who(node["mergedBy"]))
        if rules.wants("pr_coauthored"):
            messages = [commit["message"], *(one["commit"]["message"] for one in node.get("commits", _NONE)["nodes"])]
            found += rules.coauthored(subject, node["mergedAt"], node["title"], commit["oid"], messages)
    for review in node.get("reviews", {"nodes": ()})["nodes"]:
        number = int(review["fullDatabaseId"])
        found += rules.reviewed(
            subject, number, review["state"], review["submittedAt"], who(review["author"]), review["body"]
        )
        for comment in review.get("comments", {}).get("nodes", ()) if review["submittedAt"] else ():
            found += rules.diff_commented(
                subject, int(comment["fullDatabaseId"]), number, comment["createdAt"], who(comment["author"]),
                comment["body"],
            )  # fmt: skip
    if node["mergedAt"] is not None:
        for one in node.get("commits", _NONE)["nodes"] if rules.wants("pr_commit_authored") else ():
            found += _written(one["commit"], subject, rules)
    return found + _comments(node, subject, rules) + _around(node, subject, rules)


def issue(node: Node, place: Place, rules: Rules) -> list[Found]:
    """All that an issue holds, its comments followed to their end."""
    subject = _subject(node, place, False, ())
    found = rules.opened(subject, node["createdAt"], node["title"], node["body"])
    if node["closedAt"] is not None:
        found += rules.closed(subject, node["closedAt"], node["title"], node["stateReason"])
    return found + _comments(node, subject, rules) + _around(node, subject, rules)


def discussion(node: Node, place: Place, rules: Rules) -> list[Found]:
    """All that a discussion holds: its comments, their replies, and the answer that was chosen."""
    subject = replace(_subject(node, place, False, ()), discussion=True, category=node["category"]["name"])
    found = rules.discussed(subject, node["createdAt"], node["title"], node["body"])
    for comment in node["comments"]["nodes"]:
        for one in (comment, *(comment.get("replies") or _NONE)["nodes"]):
            if one["deletedAt"] is None:
                number = int(one["fullDatabaseId"])
                found += rules.discussion_commented(
                    subject, number, one["createdAt"], who(one["author"]), one["body"], reply=one is not comment
                )
    if node["answer"] is not None and node["answerChosenAt"] is not None:
        answer = node["answer"]
        found += rules.answered(subject, answer["databaseId"], node["answerChosenAt"], who(answer["author"]))
    return found + _around(node, subject, rules)


def commit_comment(node: Node, place: Place, rules: Rules) -> list[Found]:
    """A comment on a commit."""
    oid = (node["commit"] or {"oid": None})["oid"]
    return rules.commit_commented(place, node["databaseId"], oid, node["createdAt"], who(node["author"]), node["body"])


def release(node: Node, place: Place, rules: Rules) -> list[Found]:
    """A release. GraphQL names its author only where that is a user; an app's looks like a deleted account's."""
    return rules.released(
        place, node["databaseId"], node["tagName"], node["name"], node["publishedAt"], who(node["author"]),
        draft=node["isDraft"], prerelease=node["isPrerelease"], body=node["description"],
    )  # fmt: skip


def _written(commit: Node, subject: Subject, rules: Rules) -> list[Found]:
    author = commit["author"] or {"email": None, "name": None, "user": None}
    account = who(author["user"]) if author["user"] is not None else None
    contact = (author["name"] or "", author["email"] or "")
    return rules.committed(subject, commit["oid"], commit["authoredDate"], commit["message"], account, contact)


def _around(node: Node, subject: Subject, rules: Rules) -> list[Found]:
    """What others did with a thing: they reacted to it or to what is in it, or referred to it."""
    found: list[Found] = []
    for thing in reactable(node) if rules.wants("reaction_given", "reaction_received") else ():
        author = who(thing["author"])
        for one in (thing.get("reactions") or _NONE)["nodes"]:
            found += rules.reacted(subject, one["id"], one["content"], one["createdAt"], who(one["user"]), author)
    for one in (node.get("references") or _NONE)["nodes"] if rules.wants("item_referenced") else ():
        source = one["source"]
        place = source["repository"]
        name = None if place["isPrivate"] and place["databaseId"] != subject.place.number else place["nameWithOwner"]
        where = (name, place["databaseId"], source["number"])
        found += rules.referenced(subject, where, one["createdAt"], who(one["actor"]))
    return found


def _comments(node: Node, subject: Subject, rules: Rules) -> list[Found]:
    found: list[Found] = []
    for comment in node.get("comments", {"nodes": ()})["nodes"]:
        number = int(comment["fullDatabaseId"])
        found += rules.commented(subject, number, comment["createdAt"], who(comment["author"]), comment["body"])
    return found


def _subject(node: Node, place: Place, is_pull: bool, paths: tuple[str, ...]) -> Subject:
    labels = labels_of([label["name"] for label in (node["labels"] or {"nodes": ()})["nodes"]])
    return Subject(place, node["number"], is_pull, who(node["author"]), labels, paths)
