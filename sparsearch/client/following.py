"""The event log of a search, live: each event once, in order, whatever happens to the connection or the service."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sparsearch.client.errors import BadAnswer, ClientError, Unreachable
from sparsearch.client.records import Event
from sparsearch.client.retrying import Patience

if TYPE_CHECKING:
    from sparsearch.client.transport import Transport

_FAREWELL = "shutdown"


def follow(transport: "Transport", path: str, after: int | None, patience: Patience) -> Iterator[Event]:
    """Events until the search rests and nothing follows.

    Args:
        transport: to the service.
        path: of the events.
        after: number of the last event that is known; None: begin with a snapshot of now.
        patience: how long to try to connect again; it begins anew with every event.
    Raises:
        Problem: the service refuses, such as for a search that was deleted meanwhile.
        Unreachable: it did not come back in time.
    """
    seen, pauses, ended = after, patience.pauses(), False
    while True:
        fresh = False
        cause: ClientError = Unreachable(f"{transport.url}: the stream of events ends again and again")
        try:
            with transport.stream(path, {"after": seen}) as stream:
                if stream is None:
                    return
                for sent in stream:
                    if sent.event == _FAREWELL:
                        break
                    if not sent.data:  # a ping
                        continue
                    event = read_event(sent.event, sent.data)
                    if seen is not None and event.seq <= seen:
                        continue
                    seen, pauses, fresh = event.seq, patience.pauses(), True
                    ended = event.name == "end"
                    yield event
        except ClientError as error:
            cause = error
        # a search that was resumed has an end in the middle of its log: only the service knows whether more follows
        if ended and not fresh:
            return
        if not ended:
            pauses.after(cause)


def read_event(name: str, text: str) -> Event:
    """One event as it was sent.

    Raises:
        BadAnswer: it is no JSON object with a number.
    """
    try:
        data: Any = json.loads(text)
    except ValueError:
        data = None
    seq = data.get("seq") if isinstance(data, dict) else None
    if isinstance(seq, bool) or not isinstance(seq, int):
        raise BadAnswer(f"an event must be a JSON object with a number `seq`, got {text[:80]!r}")
    return Event(seq, str(data.get("name") or name), str(data.get("at") or ""), data)
