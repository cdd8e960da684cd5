"""Where the site's templates and assets are."""

from __future__ import annotations

from pathlib import Path

import ledger


def templates_folder() -> Path:
    """Where the templates are: inside the installed package, or at the top of a clone."""
    package = Path(ledger.__file__).resolve().parent
    inside = package / "site_templates"
    return inside if inside.is_dir() else package.parent / "site_templates"
