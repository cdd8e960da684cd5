"""Which adapter answers to which name: ours by a line here, third parties' by the entry point group `ledger.sources`.

Adapters are imported only when used, so that a node without Discord needs no Discord client.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from importlib.metadata import entry_points

from pydantic import TypeAdapter, ValidationError

from ledger.core.config import KindName
from ledger.core.errors import ConfigError, LedgerError
from ledger.core.install import missing_extra
from ledger.core.records.epoch import KindKey
from ledger.sources.port import Named, Source

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

_KEY: TypeAdapter[str] = TypeAdapter(KindKey)
_WORDS: TypeAdapter[str] = TypeAdapter(KindName)


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


def said_names(kinds: Iterable[str]) -> dict[str, str]:
    """What the third parties' sources among `kinds` call their events, by `kind:event_type`; ours are in `core.kinds`.

    They are words and nothing else: what cannot be had, or is no line of 1 to 60 letters without
    hidden ones, is passed over.
    """
    found: dict[str, str] = {}
    for kind in sorted(set(kinds) - BUILT_IN.keys() - KEPT.keys()):
        try:
            source = source_class(kind)
            names = dict(source.kind_names()) if issubclass(source, Named) else {}
        except LedgerError:
            continue
        except Exception:  # noqa: S112 - a stranger's code; no page is worth less for want of a word
            continue
        for event_type, words in names.items():
            if isinstance(event_type, str):
                with suppress(ValidationError):
                    found[_KEY.validate_python(f"{kind}:{event_type}")] = _WORDS.validate_python(words)
    return found
