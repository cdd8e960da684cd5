"""An open, verifiable ledger of contributions: from a project's history to signed, recomputable epochs.

This package holds nothing but its version; the rooms beside it hold the rest (CONTRIBUTING.md has the map). It must
import nothing, so that `ledger --version` starts as fast as Python does.
"""

__version__ = "0.1.0"
