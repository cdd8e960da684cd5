"""What kinds of events are called where people read: one table, which third parties' sources and weight files extend.

Words only: nothing that is computed or hashed knows of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ledger.core.config import WeightPolicy

COMMON_NAMES: Mapping[str, str] = {
    "discord:message_sent": "message",
    "discord:props_received": "thanks received",
    "discord:reaction_received": "reaction received",
    "discourse:like_received": "like received",
    "discourse:post_created": "post",
    "discourse:topic_created": "topic opened",
    "git:commit_authored": "commit",
    "git:commit_coauthored": "commit, co-authored",
    "github:comment_created": "comment",
    "github:commit_authored": "commit",
    "github:discussion_answered": "discussion answered",
    "github:discussion_comment_created": "comment in a discussion",
    "github:discussion_opened": "discussion opened",
    "github:issue_closed": "issue closed",
    "github:issue_opened": "issue opened",
    "github:item_referenced": "reference",
    "github:pr_coauthored": "merged pull request, co-authored",
    "github:pr_merged": "merged pull request",
    "github:reaction_received": "reaction received",
    "github:release_published": "release",
    "github:review_comment_created": "review comment",
    "github:review_submitted": "review",
    "onchain:transfer_received": "transfer received",
    "receipt:approver": "approval vouched for",
    "receipt:author": "work vouched for",
    "receipt:reviewer": "review vouched for",
    "x:post_created": "post",
    "x:reply_created": "reply",
}
"""One event of each kind that our own sources give, by `source:event_type`."""


NO_WORDS: Mapping[str, str] = {}
"""Nothing is called otherwise."""


def kind_names(policies: Iterable[WeightPolicy], said: Mapping[str, str] = NO_WORDS) -> dict[str, str]:
    """The common names with those that sources of third parties say (`said`), and those that weight files set.

    The weight file of the ledger has the last word, our own kinds' names are no third party's to change.
    """
    names = {**said, **COMMON_NAMES}
    for policy in policies:
        names |= policy.names
    return names


def kind_words(kind: str, names: Mapping[str, str]) -> str:
    """`github:pr_merged` as people say it; a kind without a name by its own word."""
    return names.get(kind) or kind.rpartition(":")[2].replace("_", " ")
