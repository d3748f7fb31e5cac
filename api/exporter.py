"""Bundles that nobody made yet: one subprocess at a time, shared by everybody who waits for the same plan."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.problems import Problem, retry_after
from api.views.points import point_id
from models.plan import Plan
from search.errors import ExportError
from search.export_process import COMMAND
from search.process import RunnerProcess
from search.records import Event

if TYPE_CHECKING:
    from search.dispatch import Dispatcher

PATIENCE_S = 120.0
"""How long a request waits for its bundle; the work goes on after that."""

MOST = 8
"""Bundles that may wait to be made."""

_RETRY_S = 30


class Exporter:
    """Makes bundles on demand.

    Args:
        dispatcher: gives home and store.
        location: of the store, for the process that reads it.
        observe: told how many seconds a bundle took.
        command: how to start that process.
    """

    def __init__(
        self,
        dispatcher: "Dispatcher",
        location: Path | str,
        observe: Callable[[float], None],
        command: tuple[str, ...] = COMMAND,
    ) -> None:
        self._dispatcher = dispatcher
        self._location = location
        self._observe = observe
        self._command = command
        self._making: dict[tuple[str, str], Future[dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    async def bundle(
        self, search_id: str, plan: Plan, stopping: asyncio.Event, patience_s: float = PATIENCE_S
    ) -> dict[str, Any]:
        """The data of the `export` event of a plan's bundle, when it is there.

        Args:
            search_id: the search; it has an answer.
            plan: a plan of its front.
            stopping: set when the service goes down.
            patience_s: how long to wait.
        Raises:
            Problem: 503 not-ready, it is not there yet; 409 not-exportable, it cannot be made.
        """
        making = asyncio.wrap_future(self._start(search_id, plan))
        making.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may be waiting any more
        ending: asyncio.Future[Any] = asyncio.ensure_future(stopping.wait())
        try:
            await asyncio.wait({making, ending}, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ending.cancel()
        if not making.done():
            raise _not_yet("the bundle is still being made; ask again")
        try:
            return making.result()
        except _KilledError:
            raise _not_yet("the process that made the bundle was killed; ask again") from None
        except ExportError as error:
            raise Problem("not-exportable", 409, str(error)) from None

    def _start(self, search_id: str, plan: Plan) -> Future[dict[str, Any]]:
        key = search_id, point_id(plan)
        with self._lock:
            if key in self._making:
                return self._making[key]
            if len(self._making) >= MOST:
                raise _not_yet(f"{MOST} other bundles wait to be made; ask again")
            future: Future[dict[str, Any]] = Future()
            self._making[key] = future
        future.set_running_or_notify_cancel()  # whoever waits may go; the work does not stop for that
        threading.Thread(target=self._make, args=(key, plan, future), name=f"export {search_id}", daemon=True).start()
        return future

    def _make(self, key: tuple[str, str], plan: Plan, future: Future[dict[str, Any]]) -> None:
        try:
            with self._turn:
                begun = time.monotonic()
                written = self._run(key[0], plan)
                self._observe(time.monotonic() - begun)
            self._dispatcher.store.append(key[0], [Event("export", written, f"export:{written['path']}")])
        except BaseException as error:
            with self._lock:
                del self._making[key]
            future.set_exception(error)
        else:
            with self._lock:
                del self._making[key]
            future.set_result(written)

    def _run(self, search_id: str, plan: Plan) -> dict[str, Any]:
        home = self._dispatcher.home
        request = {"store": str(self._location), "home": str(home.path), "search": search_id, "plan": dict(plan)}
        # the process dies with this thread, and so with the service
        process = RunnerProcess(request, home.run(search_id) / "export.log", self._command)
        answer: dict[str, Any] = {}
        try:
            for line in process.lines():
                answer = dict(line)
        finally:
            status = process.wait()
        if "written" in answer:
            written: dict[str, Any] = answer["written"]
            return written
        if status < 0 and "refused" not in answer:
            raise _KilledError(f"signal {-status}")
        raise ExportError(answer.get("refused", f"the exporting process ended with status {status}; its log says why"))


class _KilledError(ExportError):
    """The process was killed from outside; another may do better."""


def _not_yet(detail: str) -> Problem:
    return Problem("not-ready", 503, detail, headers=retry_after(_RETRY_S))
