"""The REST paths that are served, by what they are about; importing this makes them known to `rest`."""

from . import commits, issues, pulls, settings, switches
from .rest import ROUTES, Reply, answer, refusal

__all__ = ["ROUTES", "Reply", "answer", "commits", "issues", "pulls", "refusal", "settings", "switches"]
