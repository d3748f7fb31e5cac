"""What the tests of faults and loads share: targets that are slow or fail, searches over HTTP, processes of a home."""

import contextlib
import json
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from shutil import copyfile
from typing import Any

import httpx
import psutil

from tests.api.support import LiveServer

SLACK = 4.0
"""Limits in seconds hold on a quiet machine. A test machine that others use too may take so many times longer."""

TERMINAL = frozenset({"succeeded", "stopped", "cancelled", "infeasible", "failed"})
NDJSON = {"Accept": "application/x-ndjson"}


def add_target(home: Path, name: str, **options: Any) -> Path:
    """Add a synthetic target to a home; returns the file that gets one line per evaluation.

    Args:
        options: of `SyntheticEvaluator`: delay_s, fault, ...
    """
    home.mkdir(parents=True, exist_ok=True)
    log = home / f"{name}.log"
    table = ", ".join(f"{key} = {json.dumps(value)}" for key, value in {"log": str(log), **options}.items())
    with (home / "targets.toml").open("a", encoding="utf-8") as file:
        file.write(f'[targets.{name}]\nkind = "synthetic"\nbatch = 4\ndevice = "sim:0"\noptions = {{{table}}}\n\n')
    return log


def request(
    target: str = "synthetic-swin-t",
    evaluations: int = 2,
    workers: int = 1,
    evaluation_timeout_s: float = 1800,
    **fields: Any,
) -> dict[str, Any]:
    """The body of a small search request."""
    effort = {"evaluations": evaluations, "workers": workers, "evaluation_timeout_s": evaluation_timeout_s}
    return {"target": target, "max_ms": 35, "effort": effort, **fields}


def create(client: httpx.Client, key: str | None = None, **fields: Any) -> str:
    """Ask for a search; returns its id."""
    headers = {} if key is None else {"Idempotency-Key": key}
    answer = client.post("/v1/searches", json=request(**fields), headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def show(client: httpx.Client, search_id: str) -> dict[str, Any]:
    """A search."""
    return _json(client.get(f"/v1/searches/{search_id}"))


def reach(
    client: httpx.Client, search_id: str, states: Iterable[str] = TERMINAL, timeout_s: float = 90
) -> dict[str, Any]:
    """Wait until a search is in one of some states; returns it."""
    wanted, found = frozenset(states), show(client, search_id)
    deadline = time.monotonic() + timeout_s
    while found["state"] not in wanted:
        assert found["state"] not in TERMINAL, f"{found['state']}: {found['message']}"
        assert time.monotonic() < deadline, f"not {sorted(wanted)} after {timeout_s} s: {found['state']}"
        time.sleep(0.05)
        found = show(client, search_id)
    return found


def trials(client: httpx.Client, search_id: str) -> list[dict[str, Any]]:
    """Every trial of a search, from all pages."""
    return _all(client, f"/v1/searches/{search_id}/trials")


def searches(client: httpx.Client) -> list[dict[str, Any]]:
    """Every search, from all pages."""
    return _all(client, "/v1/searches")


def events(client: httpx.Client, search_id: str, after: int = 0) -> list[dict[str, Any]]:
    """The events there are after a number."""
    found = client.get(f"/v1/searches/{search_id}/events", params={"after": after, "follow": False}, headers=NDJSON)
    assert found.status_code == 200, found.text
    return [json.loads(line) for line in found.text.splitlines()]


def until(condition: Callable[[], Any], what: str, timeout_s: float = 60) -> Any:
    """Wait until something is true; returns it."""
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"after {timeout_s} s still not: {what}"
        time.sleep(0.02)
    return found


def processes(server: LiveServer) -> dict[int, str]:
    """What runs for a service, itself left out: command lines by process id."""
    assert server.process is not None
    mark = f"SPARSEARCH_HOME={server.home}\0".encode()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes() + b"\0":
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # not ours, or gone
            continue
    try:
        # some processes of Ray write over their environment
        for child in psutil.Process(server.process.pid).children(recursive=True):
            found.setdefault(child.pid, " ".join(child.cmdline()))
    except psutil.NoSuchProcess:
        pass
    return {pid: line for pid, line in found.items() if pid != server.process.pid and is_alive(pid)}


def running(server: LiveServer, what: str) -> list[int]:
    """Ids of processes whose command line holds a text."""
    return [pid for pid, line in processes(server).items() if what in line]


def runner(server: LiveServer, besides: int | None = None) -> int:
    """The process of the search that runs, as soon as there is one (other than `besides`)."""
    found = until(lambda: [pid for pid in running(server, "search.runner") if pid != besides], "a runner runs")
    return int(found[0])


def integrity(database: Path) -> str:
    """What SQLite says about a copy of a database that nobody has open: "ok"."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.db"
        for suffix in ("", "-wal"):
            if (part := Path(f"{database}{suffix}")).exists():
                copyfile(part, f"{copy}{suffix}")
        connection = sqlite3.connect(copy)
        try:
            return str(connection.execute("PRAGMA integrity_check").fetchone()[0])
        finally:
            connection.close()


def evaluated(log: Path, split: str = "search") -> list[str]:
    """Plans whose evaluation on a split came to its end, with repeats."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return [line.partition(" ")[2] for line in lines if line.startswith(f"{split} ")]


def is_alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        # a zombie holds nothing
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return False


def _all(client: httpx.Client, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    token = None
    while True:
        query = {"page_size": 200} if token is None else {"page_size": 200, "page_token": token}
        page = _json(client.get(path, params=query))
        items += page["items"]
        token = page["next_page_token"]
        if token is None:
            return items


def _json(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, f"{answer.status_code}: {answer.text}"
    return answer.json()


def signal_tree(pid: int, number: int) -> None:
    """Signal a process, which may be gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
