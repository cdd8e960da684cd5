"""GitHub: pull requests, reviews, comments, issues and releases of repositories, by GraphQL or from webhooks.

`rules` is pure and says what counts, `polled` and `webhook` read the two forms that GitHub gives things, `client` asks
and checks, `walk`, `nested` and `reading` read changing lists whole, `source` is the collector.
"""

from ledger.sources.github.source import GitHubOptions, GitHubSource

__all__ = ["GitHubOptions", "GitHubSource"]
