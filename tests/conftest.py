"""Settings of all tests.

Hypothesis draws the same examples every time: a test that fails here fails everywhere. To look for new
ones, run ``HYPOTHESIS_PROFILE=explore make test``; a failure prints how to reproduce it. ``make fuzz`` runs
the tests in fuzz/ with the profile of that name and a seed that it prints.
"""

from __future__ import annotations

import os
import signal

from hypothesis import HealthCheck, settings

settings.register_profile("same", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("explore", deadline=None, print_blob=True, max_examples=1_000)
settings.register_profile(
    "fuzz", deadline=None, print_blob=True, max_examples=4_000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in the background deaf to Ctrl-C; what tests start and interrupt would be, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
