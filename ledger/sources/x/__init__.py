"""X (formerly Twitter): that posts of listed accounts were made, by their ids alone, through its API (version 2)."""

from ledger.sources.x.source import XOptions, XSource

__all__ = ["XOptions", "XSource"]
