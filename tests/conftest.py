"""Settings and fixtures shared by all tests; the settings are made before any library is imported."""

import os
import socket

import pytest

from tests.postgres import postgres_server, postgres_url  # noqa: F401  # fixtures

# the test machines have few cores, and a pool of workers brings its own threads
os.environ.setdefault("OMP_NUM_THREADS", "1")
# the default run needs no network
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")


@pytest.fixture
def free_port() -> int:
    """A TCP port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
