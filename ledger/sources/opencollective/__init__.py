"""Open Collective: what people gave to one collective, by GraphQL, as events whose quantity is money in minor units."""

from ledger.sources.opencollective.source import OpenCollectiveOptions, OpenCollectiveSource

__all__ = ["OpenCollectiveOptions", "OpenCollectiveSource"]
