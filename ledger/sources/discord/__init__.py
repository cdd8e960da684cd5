"""Discord: messages of one guild's channels and threads, over REST, without text and without the gateway.

`rules` is pure, `session` asks and checks, `walk` reads whole channels, `source` is the collector. Nothing here
stores or shows what people wrote.
"""

from ledger.sources.discord.source import DiscordOptions, DiscordSource

__all__ = ["DiscordOptions", "DiscordSource"]
