"""How much of anything is read at all (specification, Bounds): one place for every number, so that no input hangs,
fills the memory of, or floods the output of a command. Pure numbers; who reads, asks here before it reads.
"""

from __future__ import annotations

SETTINGS_BYTES = 250_000
"""Largest file that people write (ledger.yaml, scopes, weights): YAML is read at about 400 KB a second."""
LINE_BYTES = 1_000_000
"""Longest line of a log, and the largest epoch.json, without the line end."""
SHARD_BYTES = 40_000_000
"""Largest activity file: the line that would take the log past this opens the next one."""
SHARD_LINES = 100_000
"""Lines of an activity file that are read: the shortest event takes more than 400 bytes."""
CHECKSUMS_BYTES = 10_000
"""Largest sha256sums.txt: a line for each name that an epoch's folder may hold."""
FILE_BYTES = 100_000_000
"""Largest other file under data/: GitHub takes none that is larger."""
NESTING = 32
"""Deepest nesting of objects and lists, in JSON and YAML; no record needs more than three."""
FOLDERS = 8
"""Deepest folder under a node that is looked into; no file of a node needs more than five."""
FINDINGS = 100
"""Findings of one rule that are told for one epoch, and for the node outside its epochs."""
FINDINGS_SHOWN = 20
"""Findings of one rule that are printed for people; --json has up to FINDINGS."""
