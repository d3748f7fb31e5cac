"""Settings shared by all tests, made before any library is imported."""

import os

# the test machines have few cores, and a pool of workers brings its own threads
os.environ.setdefault("OMP_NUM_THREADS", "1")
# the default run needs no network
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
