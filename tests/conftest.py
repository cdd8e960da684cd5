"""What every test may rely on: the same examples on every run of Hypothesis, and more of them on request."""

import os

from hypothesis import settings

# Derandomized, so that a red test is red for everyone and no change is blamed for another's luck. Deadlines measure
# the machine, not the code. `HYPOTHESIS_PROFILE=search` looks for new counter-examples before a release.
settings.register_profile("default", derandomize=True, deadline=None, max_examples=60)
settings.register_profile("search", deadline=None, max_examples=5_000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
