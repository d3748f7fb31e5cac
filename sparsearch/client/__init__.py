"""The typed Python client of a SparSearch service.

from sparsearch.client import Client

Nothing here imports torch. The records leave out what they do not know, so an older client reads a newer service.
"""

from sparsearch.client.client import FILES, Client
from sparsearch.client.errors import (
    BadAnswer,
    Broken,
    Busy,
    ClientError,
    Conflict,
    DamagedDownload,
    Infeasible,
    NotFound,
    Problem,
    Refused,
    TimedOut,
    Unauthorised,
    Unreachable,
)
from sparsearch.client.records import Answer, Event, Front, Latency, Point, Search, Target, Trial, Validation, Version
from sparsearch.client.retrying import Patience

__all__ = [
    "FILES",
    "Answer",
    "BadAnswer",
    "Broken",
    "Busy",
    "Client",
    "ClientError",
    "Conflict",
    "DamagedDownload",
    "Event",
    "Front",
    "Infeasible",
    "Latency",
    "NotFound",
    "Patience",
    "Point",
    "Problem",
    "Refused",
    "Search",
    "Target",
    "TimedOut",
    "Trial",
    "Unauthorised",
    "Unreachable",
    "Validation",
    "Version",
]
