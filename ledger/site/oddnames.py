"""Names that are not what they look like: marked wherever a page shows a person, as a pull request's digest does."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping

OddName = tuple[str, str]
"""A mark of a word or two, and what it says in full."""
_HIDDEN = {"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"}
_ALPHABETS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")
"""Those whose letters pass for each other's; CJK beside Latin is common and harmless."""


def odd_names(names: Mapping[str, str], alike: Callable[[str], str]) -> dict[str, OddName]:
    """The marks of users, by id. `names`: what each is called; `alike`: what a name looks like (`flows.display`)."""
    seen: dict[str, list[str]] = {}
    for user, name in names.items():
        seen.setdefault(alike(name), []).append(user)
    found: dict[str, OddName] = {}
    for users in seen.values():
        for user in users if len(users) > 1 else ():
            others = sorted({names[other] for other in users} - {names[user]})
            if others:
                found[user] = ("looks like another", f"This name is easily taken for “{others[0][:80]}”.")
            else:
                found[user] = (user[:4], f"{len(users)} people have this name; this is the one whose id begins so.")
    for user, name in names.items():
        if any(unicodedata.category(char) in _HIDDEN for char in name):
            found[user] = ("hidden letters", "This name holds letters that nobody sees or that turn its direction.")
        elif len({alphabet for char in name if (alphabet := _alphabet(char))}) > 1:
            found[user] = ("mixed alphabets", "The letters of this name are of several alphabets that look alike.")
    return found


def _alphabet(char: str) -> str:
    word = unicodedata.name(char, "").partition(" ")[0] if char > "\x7f" or char.isalpha() else ""
    return word if word in _ALPHABETS else ""
