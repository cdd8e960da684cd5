"""A stand-in for GitHub on loopback: a bare git repository, REST and GraphQL over one world, and people who act."""

from .server import Forge, Request
from .world import ACTIONS, Account, Comment, Environment, Issue, Pull, Refused, Review, Settings, Status

__all__ = [
    "ACTIONS",
    "Account",
    "Comment",
    "Environment",
    "Forge",
    "Issue",
    "Pull",
    "Refused",
    "Request",
    "Review",
    "Settings",
    "Status",
]
