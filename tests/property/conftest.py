"""Settings of all property tests: no deadline, because machines are shared; more examples by environment variable."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "shared",
    deadline=None,
    max_examples=int(os.environ.get("ZONEWRIGHT_EXAMPLES", "100")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("shared")
