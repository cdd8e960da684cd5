"""`python -m ledger`, the same program as the `ledger` console script.

It exists so that the command line also works where a virtual environment's scripts are not on PATH. It holds no rule
and must not grow one.
"""

import sys

from ledger.cli import main

if __name__ == "__main__":
    sys.exit(main())
