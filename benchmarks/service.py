"""What the service holds on this machine: `python -m benchmarks.service [L1 L2 ...]`, about five minutes, CPU only.

Real `sparsearch serve` processes on loopback with simulated searches; the loads are those of `tests/api/loads`, at full
length. Each line is a figure, its bar for a quiet machine of two cores, and whether it is held. The exit status is 1 if
one is not. PostgreSQL is measured where its programs are installed.
"""

import argparse
import os
import platform
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import psutil

from tests.api.faults.support import add_target
from tests.api.loads import completions, large, mixed, queueing, streams, watching
from tests.api.loads.deaf import Deaf
from tests.api.loads.figures import Figure
from tests.api.loads.places import large_store, postgres_location, slow_home
from tests.api.support import live_server

Load = Callable[[Path], Iterable[Figure]]


def reads(folder: Path) -> Iterable[Figure]:
    """L1, L2 and L6 share the one large store."""
    with large_store(folder / "large") as found:
        yield from large.reads(found.server, found.largest)
        yield from large.everything_at_once(found.server, found.largest, seconds=20)
        with Deaf(found.server, found.largest) as deaf:
            yield from streams.watch(found.server, "steady", seconds=60)
            deaf.wait_dropped()


def requests(folder: Path) -> Iterable[Figure]:
    """L3."""
    with live_server(folder / "mixed") as server:
        yield from mixed.mix(server, seconds=60)


def results(folder: Path) -> Iterable[Figure]:
    """L4."""
    yield from completions.complete(folder, folder / "sqlite" / "sparsearch.db", 1000, "SQLite FULL", bar=20)
    with postgres_location() as location:
        if location is None:
            print("    PostgreSQL is not installed here: not measured", flush=True)
        else:
            yield from completions.complete(folder, location, 1000, "PostgreSQL", bar=50)


def watchers(folder: Path) -> Iterable[Figure]:
    """L5."""
    with slow_home(folder / "watched") as server:
        yield from watching.compare(server, "steady", turns=6, seconds=5)


def queue(folder: Path) -> Iterable[Figure]:
    """L8."""
    add_target(folder / "queue", "slow", delay_s=5)
    with live_server(folder / "queue") as server:
        yield from queueing.flood(server, "slow")


LOADS: Mapping[str, Load] = {"L1 L2 L6": reads, "L3": requests, "L4": results, "L5": watchers, "L8": queue}


def main() -> int:
    """Run the loads one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("loads", nargs="*", help="such as L3; none: all of them")
    asked = set(parser.parse_args().loads)
    unknown = asked - set(" ".join(LOADS).split())
    if unknown:
        parser.error(f"unknown loads {sorted(unknown)}; known are {' '.join(LOADS)}")
    os.environ.pop("SPARSEARCH_HOME", None)
    print(
        f"{platform.processor() or platform.machine()}, {psutil.cpu_count()} cores, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GB, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}; load average {os.getloadavg()[0]:.1f} before",
        flush=True,
    )
    started = time.monotonic()
    held = True
    for name, load in LOADS.items():
        if asked and not asked & set(name.split()):
            continue
        with tempfile.TemporaryDirectory(prefix="sparsearch-loads-") as folder:
            for figure in load(Path(folder)):
                print(figure, flush=True)
                held &= figure.held()
    print(f"{time.monotonic() - started:.0f} s; load average {os.getloadavg()[0]:.1f} after")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
