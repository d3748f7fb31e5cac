"""The command line against a real service: the look and the exit codes of searches that run here."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sparsearch.client import Client, Patience, Search
from sparsearch.failures import CANCELLED, FAILED, INFEASIBLE, OK, REFUSED, TRY_AGAIN
from tests.api.support import ROOT, LiveServer, live_server
from tests.sparsearch.client.conftest import TARGET
from tests.sparsearch.conftest import Run, Said

SEARCH = ("search", "--target", TARGET, "--max-ms", "30", "--evaluations", "8")


@pytest.fixture
def ask(run: Run, service: LiveServer) -> Run:
    """The command line with `--server`."""
    return lambda *words: run(*words, "--server", service.url)


def lines(said: Said) -> list[dict[str, object]]:
    return [json.loads(line) for line in said.out.splitlines()]


def test_a_search_there_looks_like_one_here(ask: Run, home: Path) -> None:
    said = ask(*SEARCH)
    assert said.code == OK, said.err
    for part in (
        "floor (sparsest plan): ",
        "dense: ",
        "best so far",
        "finalist 1",
        "succeeded",
        "upper bound",
        "SIMULATED",
    ):
        assert part in said.out, part
    assert "confirmed" in said.out and "evaluating accuracy" in said.out and "next       sparsearch export" in said.out
    assert not home.exists()  # nothing was stored on this side


def test_json_is_one_object_per_line_with_the_outcome_last(ask: Run) -> None:
    events = lines(ask(*SEARCH, "--json"))
    assert [event["kind"] for event in events[-2:]] == ["end", "outcome"]
    assert events[-1]["exit_code"] == 0 and events[-1]["data"]["answer"]["point"]  # type: ignore[index]
    numbers = [event["seq"] for event in events[:-1]]
    assert numbers == sorted(set(numbers))  # type: ignore[type-var]


def test_an_impossible_budget_has_its_own_exit_code(ask: Run) -> None:
    said = ask("search", "--target", TARGET, "--max-ms", "3")
    assert said.code == INFEASIBLE
    assert "floor" in said.out + said.err


def test_what_is_refused_there_is_refused_here(ask: Run, client: Client) -> None:
    before = len(list(client.searches(page_size=200)))
    for words, named in (
        (("search", "--target", "nope", "--max-ms", "30"), "nope"),
        (("search", "--target", TARGET, "--max-ms", "nan"), "max_ms=nan"),
        (("search", "--target", TARGET, "--max-ms", "30", "--stat", "mean"), "p95"),
        (("search", "--target", TARGET, "--max-ms", "30", "--workers", "0"), "workers"),
        (("search", "--target", TARGET, "--max-ms", "30", "--output", "x"), "leave them out with --server"),
        (("search",), "a search needs --target"),
        (("front", "last", "--table", "measurements"), "choose front or trials"),
    ):
        said = ask(*words)
        assert said.code == REFUSED and named in said.err, words
        assert "Traceback" not in said.err
    assert len(list(client.searches(page_size=200))) == before


def test_lists_and_tables(ask: Run, found: Search, tmp_path: Path) -> None:
    (row,) = [row for row in lines(ask("list", "--json")) if row["id"] == found.id]
    assert row["state"] == "succeeded" and row["budget"] == "30 ms (median)" and row["device"] == "sim:0"
    assert ask("list", "--state", "paused", "--json").out == ""
    shown = ask("show", found.id)
    assert "answer" not in shown.err and "upper bound" in shown.out and f"sparsearch export {found.id}" in shown.out
    assert json.loads(ask("show", found.id, "--json").out)["answer"]["plan"] == dict(found.answer.plan)  # type: ignore[union-attr,arg-type]
    front = lines(ask("front", found.id, "--json"))
    assert sum(bool(point["chosen"]) for point in front) == 1 and {"stage0", "metric", "latency_ms"} <= set(front[0])
    tight = lines(ask("front", found.id, "--max-ms", "25", "--json"))
    assert 0 < len(tight) < len(front) and all(point["high_ms"] <= 25 for point in tight)  # type: ignore[operator]
    trials = lines(ask("front", found.id, "--table", "trials", "--json"))
    assert len(trials) == found.trials.total
    assert ask("front", found.id, "--output", "front.csv").code == OK
    assert (tmp_path / "front.csv").read_text().startswith("metric,latency_ms")


def test_a_name_may_be_short_but_not_ambiguous(ask: Run, found: Search) -> None:
    assert ask("show", found.id[:-1]).code == OK
    said = ask("show", "2")
    assert said.code == FAILED and "searches begin with '2'" in said.err
    missing = ask("show", "1999")
    assert missing.code == FAILED and "no search is named '1999'" in missing.err


def test_a_finished_search_is_watched_from_its_beginning(ask: Run, found: Search) -> None:
    said = ask("watch", found.id)
    assert said.code == OK and "floor (sparsest plan)" in said.out and f"search {found.id}: succeeded" in said.out


def test_a_bundle_is_fetched_checked_and_verifies(ask: Run, run: Run, found: Search, tmp_path: Path) -> None:
    said = ask("export", found.id, "--output", "answer")
    assert said.code == OK, said.err
    assert said.out.splitlines() == [str(tmp_path / "answer"), str(tmp_path / "answer.zip")]
    assert "pass  digests" in said.err
    assert {"plan.json", "manifest.json", "report.html"} <= {file.name for file in (tmp_path / "answer").iterdir()}
    assert run("verify", "answer.zip").code == OK and run("verify", "answer", "--no-latency").code == OK
    again = ask("export", found.id, "--output", "answer")
    assert again.code == FAILED and "exists already" in again.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answer", "answer.zip"]


def test_another_plan_of_the_front_is_made_and_fetched(ask: Run, client: Client, found: Search) -> None:
    other = next(point for point in client.front(found.id).points if not point.chosen)
    said = ask("export", found.id, "--plan", json.dumps(dict(other.plan)), "--json")
    assert said.code == OK, said.err
    told = json.loads(said.out)
    assert told["point"] == other.id and json.loads((Path(told["path"]) / "plan.json").read_text()) == other.plan
    unknown = ask("export", found.id, "--plan", '{"stage0": 0.1}')
    assert unknown.code == FAILED and "not on the front" in unknown.err


def test_actions_say_the_state(ask: Run, client: Client) -> None:
    search = client.search(TARGET, 33, effort={"evaluations": 100_000})
    said = ask("pause", search.id).out
    assert said.startswith(f"search {search.id}: ") and said.endswith("paused\n")
    assert json.loads(ask("resume", search.id, "--json").out)["id"] == search.id
    assert ask("cancel", search.id).code == OK
    client.wait(search.id, timeout_s=60)
    refused = ask("pause", search.id)
    assert refused.code == REFUSED and "cancelled" in refused.err
    assert ask("watch", search.id).code == CANCELLED


def test_nobody_there_is_try_again(run: Run, free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparsearch.remote.connect.PATIENCE", Patience(total_s=0))
    monkeypatch.setenv("SPARSEARCH_SERVER", f"http://127.0.0.1:{free_port}")
    said = run("list")
    assert said.code == TRY_AGAIN and f"cannot reach http://127.0.0.1:{free_port}" in said.err


def test_actions_need_a_service(run: Run) -> None:
    said = run("cancel", "last")
    assert said.code == REFUSED and "SPARSEARCH_SERVER" in said.err


def test_the_token_comes_from_a_file_or_a_variable_and_never_from_the_command_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "a-long-enough-token-for-tests"
    with live_server(tmp_path / "other", token=token) as server:
        assert run("list", "--server", server.url).code == REFUSED
        (tmp_path / "token.txt").write_text(f"{token}\nan-older-token-of-the-same-service\n")
        assert run("list", "--server", server.url, "--token-file", "token.txt").code == OK
        monkeypatch.setenv("SPARSEARCH_TOKEN", f"{token},another-one")
        assert run("list", "--server", server.url).code == OK
        (tmp_path / "empty").write_text("\n")
        for file, named in (("empty", "is empty"), ("gone", "cannot read --token-file gone")):
            said = run("list", "--server", server.url, "--token-file", file)
            assert said.code == REFUSED and named in said.err
    assert run("list", "--server", server.url, "--token", token).code == REFUSED


def test_ctrl_c_only_ends_the_watching_and_says_how_to_go_on(
    client: Client, service: LiveServer, tmp_path: Path
) -> None:
    words = ["search", "--target", TARGET, "--max-ms", "34", "--evaluations", "100000", "--server", service.url]
    watching = subprocess.Popen(
        [sys.executable, "-m", "sparsearch", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "SPARSEARCH_HOME": str(tmp_path)},
    )  # fmt: skip
    assert watching.stdout is not None
    first = watching.stdout.readline()
    id = first.split()[1]
    for line in watching.stdout:
        if line.startswith("best so far"):
            break
    time.sleep(0.2)
    watching.send_signal(signal.SIGINT)
    _, said = watching.communicate(timeout=30)
    assert watching.returncode == CANCELLED
    assert f"search {id} goes on in {service.url}" in said and f"sparsearch watch {id} --server" in said
    assert "Traceback" not in said
    assert not client.get(id).terminal
    client.cancel(id)
    assert client.wait(id, timeout_s=60).state == "cancelled"


def test_doctor_reports_the_service(run: Run, service: LiveServer, free_port: int) -> None:
    report = json.loads(run("doctor", "--json", "--server", service.url).out)
    assert report["service"]["reachable"] is True and report["service"]["ready"] is True
    assert report["service"]["version"] == report["packages"]["sparsearch"]
    away = json.loads(run("doctor", "--json", "--server", f"http://127.0.0.1:{free_port}").out)
    assert away["service"]["reachable"] is False and any("cannot reach" in line for line in away["advice"])
