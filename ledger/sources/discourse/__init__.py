"""Discourse: topics, posts and likes of one forum, as everybody may read it, by its web API."""

from ledger.sources.discourse.source import DiscourseOptions, DiscourseSource

__all__ = ["DiscourseOptions", "DiscourseSource"]
