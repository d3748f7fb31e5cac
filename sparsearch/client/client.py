"""The client of a service.

with Client("http://127.0.0.1:8777") as client:
    search = client.search("digits-sparsevit", max_ms=12)
    for event in client.events(search.id):
        print(event.name, event.data)
    front = client.front(search.id)
    client.download(search.id, front.chosen, to=Path("."))
"""

import secrets
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from sparsearch.client.decoding import decode
from sparsearch.client.downloads import save
from sparsearch.client.errors import BadAnswer, Busy, ClientError, TimedOut
from sparsearch.client.following import follow
from sparsearch.client.records import Event, Front, Search, Target, Trial, Validation, Version
from sparsearch.client.retrying import Patience, retried

if TYPE_CHECKING:
    from sparsearch.client.transport import Reply, Transport

Record = TypeVar("Record")

FILES = ("bundle.zip", "config.py", "manifest.json", "metafile.yml")
"""What can be downloaded of a point."""

_POLL_S = 30.0


class Client:
    """Talks to one service; may be shared by threads.

    What is safe to repeat is repeated when the connection fails or the service is full: reading, the actions, and
    creating a search, which carries a key that the service knows again.

    Args:
        url: of the service, such as http://127.0.0.1:8777.
        token: None: a service on loopback needs none. It is sent in clear over http: use https between machines.
        patience: how long to try again.
        transport: instead of one made of url and token.
    Raises:
        ClientError: the URL is none. All methods raise it, and nothing else, when something goes wrong.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8777",
        token: str | None = None,
        patience: Patience | None = None,
        transport: "Transport | None" = None,
    ) -> None:
        if transport is None:
            # httpx takes a tenth of a second to import, and most commands need no service
            from sparsearch.client.transport import Transport

            transport = Transport(url, token)
        self._transport = transport
        self._patience = patience or Patience()
        self.url = self._transport.url

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def search(
        self,
        target: str,
        max_ms: float,
        *,
        min_ms: float | None = None,
        stat: str | None = None,
        setting: Mapping[str, Any] | None = None,
        effort: Mapping[str, Any] | None = None,
        sampler: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        labels: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> Search:
        """Ask for the plan with the best accuracy within a budget; returns at once, with the search queued.

        Args:
            target: one of `targets`.
            max_ms: a plan must not take longer.
            min_ms: nor be faster.
            stat: what the budget is on: median, p90, p95 or p99.
            setting: what is timed: scope, batch, img_size, dtype, runtime, device, threads.
            effort: preset, evaluations, seconds, images, workers.
            sampler, seed, name, labels: see the guide of the API.
            key: the same key and request give the same search, however often they are sent; None: a new one.
        Raises:
            Refused: the request is wrong; Infeasible when the floor is known to be above the budget.
            Busy: the queue stayed full.
        """
        body = _body(locals())
        headers = {"Idempotency-Key": key or secrets.token_hex(16)}
        return decode(Search, self._call("POST", "/v1/searches", body=body, headers=headers).json())

    def validate(
        self,
        target: str,
        max_ms: float,
        *,
        min_ms: float | None = None,
        stat: str | None = None,
        setting: Mapping[str, Any] | None = None,
        effort: Mapping[str, Any] | None = None,
        sampler: str | None = None,
        seed: int | None = None,
    ) -> Validation:
        """A dry run: what is known about a request before it is sent. The arguments are those of `search`."""
        return decode(Validation, self._call("POST", "/v1/searches:validate", body=_body(locals())).json())

    def searches(
        self,
        *,
        state: str | None = None,
        target: str | None = None,
        label: tuple[str, str] | None = None,
        page_size: int = 50,
    ) -> Iterator[Search]:
        """Searches, newest first; a page is fetched when it is needed.

        Args:
            state, target: only those.
            label: only those with this key and value.
            page_size: searches per request, at most 200.
        """
        pair = None if label is None else f"{label[0]}:{label[1]}"
        return self._pages(Search, "/v1/searches", {"state": state, "target": target, "label": pair}, page_size)

    def get(self, id: str) -> Search:
        """A search as it stands."""
        return decode(Search, self._call("GET", _path(id)).json())

    def wait(self, id: str, timeout_s: float | None = None) -> Search:
        """Wait until a search rests.

        Args:
            id: of the search.
            timeout_s: None: as long as it takes.
        Raises:
            TimedOut: it goes on, and so may you.
        """
        end = None if timeout_s is None else time.monotonic() + timeout_s
        etag: str | None = None
        while True:
            left = _POLL_S if end is None else min(_POLL_S, end - time.monotonic())
            whole = max(0, round(left))
            headers = {} if etag is None else {"If-None-Match": etag}
            reply = self._call("GET", _path(id), query={"wait": whole}, headers=headers, timeout_s=whole + 15.0)
            if reply.status != 304:
                found = decode(Search, reply.json())
                etag = reply.headers.get("etag")
                if found.terminal:
                    return found
            if end is not None and time.monotonic() >= end:
                raise TimedOut(f"search {id} has not ended within {timeout_s:g} s; it goes on")
            time.sleep(0.05)  # not a busy loop even where a service does not know `wait`

    def events(self, id: str, after: int | None = 0, patience: Patience | None = None) -> Iterator[Event]:
        """The log of a search, from `after` on, as it grows, until the search ends.

        Each event comes once and in order. Where the connection breaks or the service restarts, it goes on where it
        was.

        Args:
            id: of the search.
            after: number of the last known event; None: begin with a snapshot of now instead of the past.
            patience: how long a service may be away; None: two minutes.
        """
        wait = patience or Patience(total_s=120.0)
        return follow(self._transport, f"{_path(id)}/events", after, wait)

    def cancel(self, id: str) -> Search:
        """End a search; it can be resumed."""
        return self._act(id, "cancel")

    def pause(self, id: str) -> Search:
        """Release everything a search holds, until it is resumed."""
        return self._act(id, "pause")

    def resume(self, id: str) -> Search:
        """Go on with a paused, cancelled or failed search; nothing that was finished is done again."""
        return self._act(id, "resume")

    def stop(self, id: str) -> Search:
        """Finish the running trials, verify, and answer with what was found so far."""
        return self._act(id, "stop")

    def delete(self, id: str) -> None:
        """Remove a search that rests, with its files."""
        self._call("DELETE", _path(id))

    def front(self, id: str, budget_ms: float | None = None) -> Front:
        """The trade-off that a search found, judged by its own or by another budget."""
        return decode(Front, self._call("GET", f"{_path(id)}/front", query={"budget_ms": budget_ms}).json())

    def trials(
        self, id: str, *, state: str | None = None, feasible: bool | None = None, page_size: int = 200
    ) -> Iterator[Trial]:
        """Accuracy evaluations in the order of asking."""
        told = None if feasible is None else str(feasible).lower()
        return self._pages(Trial, f"{_path(id)}/trials", {"state": state, "feasible": told}, page_size)

    def trial(self, id: str, number: int) -> Trial:
        """One of them."""
        return decode(Trial, self._call("GET", f"{_path(id)}/trials/{number:d}").json())

    def download(self, id: str, point: str, what: str = "bundle.zip", to: Path | str = ".") -> Path:
        """A file of a point of the front; a bundle that does not exist yet is made, which takes seconds.

        Args:
            id: of the search.
            point: id of the point, such as `front(id).chosen`.
            what: one of `FILES`.
            to: the file to write, or a folder.
        Returns:
            The file. Its sha256 is the one that the service announced.
        Raises:
            DamagedDownload: it is not; nothing was kept.
        """
        if what not in FILES:
            raise ClientError(f"{what!r} is no file of a point; choose one of {', '.join(FILES)}")
        path = f"{_path(id)}/front/{quote(point, safe='')}/{what}"
        return retried(lambda: save(self._transport, path, Path(to), f"{id}-{point}-{what}"), self._patience)

    def targets(self) -> tuple[Target, ...]:
        """What can be searched."""
        return tuple(decode(Target, one) for one in self._listed("/v1/targets"))

    def models(self) -> tuple[Mapping[str, Any], ...]:
        """Backbones of the zoo, as the service describes them."""
        return self._listed("/v1/models")

    def devices(self) -> tuple[Mapping[str, Any], ...]:
        """Devices that were measured on, as the service describes them."""
        return self._listed("/v1/devices")

    def checkpoints(self) -> tuple[Mapping[str, Any], ...]:
        """Weights that were uploaded, as the service describes them."""
        return self._listed("/v1/checkpoints")

    def upload(self, file: Path, name: str | None = None) -> Mapping[str, Any]:
        """Upload weights (.safetensors only); returns what the service says of them.

        Args:
            file: the weights.
            name: what to call them; None: the name of the file.
        """
        headers = {"Content-Type": "application/octet-stream"}
        query = {"name": name or file.stem}

        def send() -> "Reply":
            try:
                with file.open("rb") as content:
                    return self._transport.request(
                        "POST", "/v1/checkpoints", query=query, content=content, headers=headers, timeout_s=600.0
                    )
            except OSError as error:
                raise ClientError(f"cannot read {file}: {error.strerror}") from None

        return _object(retried(send, self._patience).json())

    def version(self) -> Version:
        """What runs at the other end."""
        return decode(Version, self._call("GET", "/version").json())

    def ready(self) -> bool:
        """Whether it takes searches now; asked once.

        Raises:
            Unreachable: nobody answers.
        """
        try:
            self._transport.request("GET", "/readyz")
        except Busy:
            return False
        return True

    def _act(self, id: str, action: str) -> Search:
        return decode(Search, self._call("POST", f"{_path(id)}/{action}").json())

    def _call(self, method: str, path: str, **options: Any) -> "Reply":
        return retried(lambda: self._transport.request(method, path, **options), self._patience)

    def _pages(self, kind: type[Record], path: str, query: Mapping[str, Any], size: int) -> Iterator[Record]:
        token: str | None = None
        while True:
            page = _object(self._call("GET", path, query={**query, "page_size": size, "page_token": token}).json())
            for item in _items(page):
                yield decode(kind, item)
            token = page.get("next_page_token")
            if not token:
                return

    def _listed(self, path: str) -> tuple[Mapping[str, Any], ...]:
        return tuple(map(_object, _items(_object(self._call("GET", path).json()))))


def _path(id: str) -> str:
    return f"/v1/searches/{quote(id, safe='')}"


def _body(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that were given, as the body of a request."""
    return {name: value for name, value in arguments.items() if name not in ("self", "key") and value is not None}


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BadAnswer(f"expected a JSON object, got {type(value).__name__}")
    return value


def _items(page: Mapping[str, Any]) -> list[Any]:
    items = page.get("items")
    if not isinstance(items, list):
        raise BadAnswer("expected a page with a list `items`; is this a SparSearch service?")
    return items
