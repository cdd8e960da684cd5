"""Which adapter answers to which name: ours by a line here, third parties' by the entry point group `ledger.sources`.

Adapters are imported only when used, so that a node without Discord needs no Discord client.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points

from ledger.core.errors import ConfigError
from ledger.core.install import missing_extra
from ledger.sources.port import Source

BUILT_IN = {
    "discord": "ledger.sources.discord:DiscordSource",
    "discourse": "ledger.sources.discourse:DiscourseSource",
    "file": "ledger.sources.file:FileSource",
    "git": "ledger.sources.git:GitSource",
    "github": "ledger.sources.github:GitHubSource",
    "onchain": "ledger.sources.onchain:OnchainSource",
    "opencollective": "ledger.sources.opencollective:OpenCollectiveSource",
    "x": "ledger.sources.x:XSource",
}

KEPT = {
    "credential": "credentials of other nodes (`ledger receipt import`)",
    "receipt": "work that people vouch for (`ledger receipt`)",
}
"""Names under which no source may report: what such events mean is fixed by the rules."""


def available() -> list[str]:
    """The names of all adapters, sorted; a third party cannot replace one of ours."""
    return sorted({*BUILT_IN, *(point.name for point in entry_points(group="ledger.sources"))})


def source_class(kind: str) -> type[Source]:
    """The adapter's class; ConfigError for an unknown name or a missing client library."""
    target = BUILT_IN.get(kind)
    if kind in KEPT:
        raise ConfigError(f"the name `{kind}` is kept for {KEPT[kind]}", hint="Give the source another name.")
    try:
        if target is not None:
            module, _, name = target.partition(":")
            return getattr(import_module(module), name)  # type: ignore[no-any-return]
        for point in entry_points(group="ledger.sources", name=kind):
            return point.load()  # type: ignore[no-any-return]
    except ImportError as error:
        if (known := missing_extra(error.name)) is not None:
            raise ConfigError(f"the source `{kind}`: {known.message}", hint=known.hint) from None
        raise ConfigError(f"the source `{kind}` needs a library that is not installed ({error.name})") from None
    raise ConfigError(f"there is no source `{kind}`", hint=f"Available: {', '.join(available())}. See docs/sources.md.")
