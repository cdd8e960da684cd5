"""SourceCred's `config/weights.json` as a proposal for a weight policy: what it valued, in the ledger's kinds.

A proposal for people to edit, never applied: SourceCred's weights mint cred that then flows along a graph, ours are
what an event is worth. Whatever has no kind here is told in a comment.
"""

from __future__ import annotations

from decimal import Decimal

from ledger.core.canonical import clean_text, foreign_json
from ledger.core.errors import InputError

DEFAULTS: dict[str, Decimal] = {
    "sourcecred/discord/MESSAGE": Decimal(0),
    "sourcecred/discord/REACTION": Decimal(1),
    "sourcecred/discourse/like": Decimal(4),
    "sourcecred/discourse/post": Decimal(0),
    "sourcecred/discourse/topic": Decimal(0),
    "sourcecred/github/COMMENT": Decimal(0),
    "sourcecred/github/COMMIT": Decimal(0),
    "sourcecred/github/ISSUE": Decimal(0),
    "sourcecred/github/PULL": Decimal(4),
    "sourcecred/github/REVIEW": Decimal(1),
}
"""What SourceCred 0.11 takes where `weights.json` says nothing (its plugins' declarations)."""
KINDS: dict[str, tuple[str, ...]] = {
    "sourcecred/discord/MESSAGE": ("discord:message_sent",),
    "sourcecred/discord/REACTION": ("discord:reaction_given",),
    "sourcecred/discourse/like": ("discourse:like_given",),
    "sourcecred/discourse/post": ("discourse:post_created",),
    "sourcecred/discourse/topic": ("discourse:topic_created",),
    "sourcecred/github/COMMENT": ("github:comment_created", "github:review_comment_created"),
    "sourcecred/github/COMMIT": ("git:commit_authored",),
    "sourcecred/github/ISSUE": ("github:issue_opened",),
    "sourcecred/github/PULL": ("github:pr_merged",),
    "sourcecred/github/REVIEW": ("github:review_submitted",),
}


def proposed_weights(data: bytes | None, name: str, plugins: set[str]) -> str:
    """A weight policy in YAML for the plugins in use (`sourcecred/github`, …); InputError for a damaged file.

    `data` None: the instance overrides nothing. Weights are in milli-units, cut to whole ones.
    """
    found, unknown = dict(DEFAULTS), []
    try:
        value = foreign_json(data, parse_float=Decimal, parse_int=Decimal) if data else {}
        value = value[1] if isinstance(value, list) else value
        nodes = value.get("nodeWeights", {})
        edges = value.get("edgeWeights", {})
        for address, weight in sorted(nodes.items()):
            key = "/".join(str(address).split("\0")[1:-1])
            if key in found and isinstance(weight, Decimal) and weight >= 0:
                found[key] = weight
            else:
                unknown.append(f"{key} {weight}")
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise InputError(f"is no weights.json of SourceCred ({error})", path=name) from None
    lines = [
        "# Proposed from SourceCred's weights; 1000 is one unit. Read it, change it, then name it in a scope's file."
    ]
    for key, kinds in KINDS.items():
        if "/".join(key.split("/")[:2]) in plugins:
            lines += [f"{kind}: {int(found[key] * 1000)}" for kind in kinds]
    lines += [f"# no kind here: {clean_text(each)[:150]}" for each in unknown]
    if edges:
        lines.append(f"# no counterpart here: {len(edges)} weights of edges, along which cred flowed")
    return "\n".join(lines) + "\n"
