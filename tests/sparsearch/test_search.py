"""Searches from the command line, on the simulated device."""

import json
import re
import zipfile
from pathlib import Path

import pytest

from sparsearch.failures import INFEASIBLE, OK
from tests.sparsearch.conftest import Run, Said

SEARCH = ("search", "--target", "synthetic-swin-t", "--max-ms", "30", "--evaluations", "8")


def _lines(said: Said) -> list[dict[str, object]]:
    return [json.loads(line) for line in said.out.splitlines()]


def test_a_search_ends_with_everything_a_user_needs(run: Run, home: Path) -> None:
    said = run(*SEARCH)
    assert said.code == OK, said.err
    for part in ("floor", "dense", "best so far", "finalist 1", "succeeded", "upper bound", "confirmed", "SIMULATED"):
        assert part in said.out
    (bundle,) = [path for path in (home / "bundles").iterdir() if path.is_dir()]
    assert str(bundle) in said.out

    listed = run("list", "--json")
    (row,) = _lines(listed)
    assert row["state"] == "succeeded" and row["target"] == "synthetic-swin-t"
    assert "succeeded" in run("show", "last").out
    front = _lines(run("front", "last", "--json"))
    assert sum(bool(point["chosen"]) for point in front) == 1
    assert run("front", "last", "--output", "front.parquet").code == OK and Path("front.parquet").stat().st_size

    watched = run("watch", str(row["id"])[:15])
    assert watched.code == OK and "succeeded" in watched.out

    verified = run("verify", f"{bundle}.zip")
    assert verified.code == OK and "pass  latency" in verified.out and "pass  accuracy" in verified.out
    (bundle / "plan.json").write_text("{}")
    assert "FAIL  digests" in run("verify", str(bundle), "--no-latency").out


def test_json_is_one_object_per_line_with_the_outcome_last(run: Run) -> None:
    events = _lines(run(*SEARCH, "--json"))
    assert [event["kind"] for event in events[-2:]] == ["end", "outcome"]
    assert events[-1]["exit_code"] == 0
    numbers = [event["seq"] for event in events[:-1]]
    assert numbers == sorted(set(numbers))  # type: ignore[type-var]


def test_an_impossible_budget_is_an_answer_with_the_floor_and_no_evaluation(run: Run, home: Path) -> None:
    said = run("search", "--target", "synthetic-swin-t", "--max-ms", "3", "--json")
    assert said.code == INFEASIBLE
    events = _lines(said)
    assert not [event for event in events if event["kind"] == "evaluation"]
    words = run("show", "last").out
    assert "infeasible" in words and "floor" in words and "95 % interval" in words and "nearest" in words
    assert not (home / "bundles").exists()


def test_a_budget_above_dense_says_that_dense_fits(run: Run) -> None:
    said = run("search", "--target", "synthetic-swin-t", "--max-ms", "80", "--evaluations", "2")
    assert said.code == OK and "dense plan fits" in said.out


def test_resuming_a_finished_search_only_reads_it(run: Run) -> None:
    first = run(*SEARCH)
    again = run("search", "--resume", "last", "--json")
    assert again.code == OK and [event["kind"] for event in _lines(again)] == ["outcome"]
    plan = next(line for line in first.out.splitlines() if line.startswith("  plan"))
    assert all(f"{name}={value:g}" in plan for name, value in _lines(again)[0]["data"]["answer"]["plan"].items())  # type: ignore[index]


def test_another_plan_of_the_front_can_be_exported_and_says_that_it_was_not_verified(run: Run, tmp_path: Path) -> None:
    assert run(*SEARCH).code == OK
    points = _lines(run("front", "last", "--json"))
    other = next(point for point in points if not point["measured"])
    plan = {name: value for name, value in other.items() if name.startswith("stage")}
    said = run("export", "last", "--plan", json.dumps(plan), "--output", "other")
    assert said.code == OK, said.err
    folder, packed = (Path(line) for line in said.out.splitlines())
    assert folder == tmp_path / "other" and zipfile.ZipFile(packed).testzip() is None
    assert "NOT shown to be inside the budget" in (folder / "README.md").read_text()
    assert json.loads((folder / "plan.json").read_text()) == plan
    assert str(folder) in run("show", "last").out


def test_the_demo_picks_a_budget_between_floor_and_dense_and_finds_a_plan(run: Run) -> None:
    said = run("demo", "--target", "synthetic-swin-t", "--evaluations", "8", "--workers", "1")
    assert said.code == OK, said.err
    heads = ("floor (sparsest plan): ", "dense: ", "budget: ")
    floor, dense, budget = (float(re.findall(rf"^{re.escape(head)}([\d.]+) ms", said.out, re.M)[0]) for head in heads)
    assert floor < budget < dense and abs((budget - floor) / (dense - floor) - 0.7) < 0.02
    assert "upper bound" in said.out and "bundle" in said.out
    rows = _lines(run("front", "last", "--table", "measurements", "--json"))
    assert sum(row["purpose"] == "ends" for row in rows) == 2


def test_a_plan_that_was_never_evaluated_cannot_be_exported(run: Run) -> None:
    assert run(*SEARCH).code == OK
    said = run("export", "last", "--plan", '{"stage0": 0.1, "stage1": 0.1, "stage2_3": 0.8}')
    assert said.code != OK and "not on the front" in said.err


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_another_sampler_is_one_option(run: Run, sampler: str) -> None:
    said = run(*SEARCH, "--sampler", sampler, "--json")
    assert said.code == OK and _lines(said)[-1]["data"]["state"] == "succeeded"  # type: ignore[index]
