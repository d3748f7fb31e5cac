"""Events: each once and in order, cut wherever the connection may be cut."""

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsearch.client import BadAnswer, NotFound, Unreachable
from sparsearch.client.following import read_event
from tests.sparsearch.client.scripted import client_of, problem, sent, stream, told

LOG = [(1, "state"), (2, "prepared"), (5, "measurement"), (6, "trial"), (9, "front"), (10, "end")]
OVER = httpx.Response(204)
SHUTDOWN = "event: shutdown\ndata: {}\n\n"


def test_a_whole_log_is_read_from_the_beginning() -> None:
    client, script, _ = client_of(stream(sent(*LOG)), OVER)
    assert [(event.seq, event.name) for event in client.events("s-1")] == LOG
    assert script.requests[0].url.params["after"] == "0"
    assert script.requests[0].headers["accept"] == "text/event-stream"


@settings(max_examples=300, deadline=None)
@given(cuts=st.lists(st.integers(0, len(sent(*LOG))), min_size=1, max_size=4), broken=st.booleans())
def test_a_log_cut_at_any_byte_is_read_as_if_it_was_not(cuts: list[int], broken: bool) -> None:
    def answered(request: httpx.Request, cut: int | None = None) -> httpx.Response:
        after = int(request.url.params["after"])
        rest = [one for one in LOG if one[0] > after]
        if not rest:
            return httpx.Response(204)
        whole = sent(*rest)
        return stream(whole[:cut], broken=broken)

    cuts = [*cuts]

    def answer(request: httpx.Request) -> httpx.Response:
        script.answers.append(answer)
        return answered(request, cuts.pop(0) if cuts else None)

    client, script, _ = client_of(answer, total_s=1000)
    patient = client._patience
    assert [(event.seq, event.name) for event in client.events("s-1", patience=patient)] == LOG


def test_what_is_sent_twice_is_told_once() -> None:
    client, _, _ = client_of(stream(sent((4, "state"), (5, "log"), (4, "state"), (5, "log"), (6, "end"))), OVER)
    assert [event.seq for event in client.events("s-1", after=4)] == [5, 6]


def test_a_service_that_goes_down_is_awaited_and_asked_for_the_rest() -> None:
    going = stream(sent(*LOG[:3]), SHUTDOWN.encode())
    down = httpx.ConnectError("refused")
    client, script, slept = client_of(going, down, problem(503, "not-ready", 2), stream(sent(*LOG[3:])), OVER)
    assert [event.seq for event in client.events("s-1", patience=client._patience)] == [seq for seq, _ in LOG]
    assert script.requests[-2].url.params["after"] == "5" and len(slept) == 3


def test_a_snapshot_says_where_the_log_is() -> None:
    client, script, _ = client_of(stream(sent((7, "snapshot"), (8, "log"), (9, "end"))), OVER)
    assert [(event.seq, event.name) for event in client.events("s-1", after=None)] == [
        (7, "snapshot"), (8, "log"), (9, "end")
    ]  # fmt: skip
    assert "after" not in script.requests[0].url.params


def test_a_search_that_was_resumed_is_followed_beyond_its_first_end() -> None:
    log = [(1, "state"), (2, "end"), (3, "state"), (4, "end")]
    client, _, _ = client_of(stream(sent(*log)), OVER)
    assert [event.seq for event in client.events("s-1")] == [1, 2, 3, 4]
    # also when the connection is lost between the two
    client, _, _ = client_of(stream(sent(*log[:2]), broken=True), stream(sent(*log[2:])), OVER)
    assert [event.seq for event in client.events("s-1", patience=client._patience)] == [1, 2, 3, 4]


def test_a_log_with_nothing_left_is_no_stream() -> None:
    client, _, slept = client_of(OVER)
    assert list(client.events("s-1", after=10)) == [] and slept == []


def test_an_end_counts_when_nobody_can_be_asked_for_more() -> None:
    client, _, slept = client_of(stream(sent(*LOG), broken=True), httpx.ConnectError("refused"))
    assert len(list(client.events("s-1"))) == len(LOG) and slept == []
    client, _, slept = client_of(stream(sent(*LOG)), stream(b"retry: 2000\n\n"))
    assert len(list(client.events("s-1"))) == len(LOG) and slept == []


def test_a_stream_that_ends_without_an_end_is_asked_for_again_even_when_it_ended_well() -> None:
    client, _, slept = client_of(stream(sent(*LOG[:4])), stream(sent(*LOG[4:])), OVER)
    events = client.events("s-1", patience=client._patience)
    assert [event.seq for event in events] == [seq for seq, _ in LOG] and len(slept) == 1


def test_a_connection_that_breaks_behind_the_end_does_not_matter() -> None:
    client, _, slept = client_of(stream(sent(*LOG), broken=True), OVER)
    assert len(list(client.events("s-1"))) == len(LOG) and slept == []


def test_a_search_that_was_deleted_ends_with_an_error() -> None:
    client, _, _ = client_of(stream(sent(*LOG[:2]), broken=True), problem(404, "not-found"))
    events = client.events("s-1", patience=client._patience)
    assert [next(events).seq, next(events).seq] == [1, 2]
    with pytest.raises(NotFound):
        next(events)


def test_a_service_that_does_not_come_back_ends_in_an_error_and_patience_begins_anew_with_each_event() -> None:
    broken = [
        stream(sent(LOG[0]), broken=True),
        *[httpx.ConnectError("refused")] * 3,
        stream(sent(LOG[1]), broken=True),
    ]
    client, script, slept = client_of(*broken, *[httpx.ConnectError("refused")] * 30, total_s=8)
    with pytest.raises(Unreachable):
        list(client.events("s-1", patience=client._patience))
    assert sum(slept) > 8 and script.answers


def test_an_answer_that_is_no_stream_is_refused() -> None:
    client, _, _ = client_of(told({"not": "a stream"}))
    with pytest.raises(BadAnswer, match=r"text/event-stream"):
        list(client.events("s-1"))


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"seq": "1"}', '{"seq": true}', "null"])
def test_an_event_without_a_number_is_refused(text: str) -> None:
    with pytest.raises(BadAnswer, match="an event must be a JSON object"):
        read_event("log", text)
