"""The numbers of the plots, and the files drawn from them."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image

from api import plots
from search.errors import UnknownSearch
from search.records import Event
from search.store import Store
from tests.pages import made

COUNT = 24


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with made.store(tmp_path_factory.mktemp("plots") / "store.db") as store:
        made.add(store, "fresh")
        made.add(store, "going", made.events(COUNT))
        made.add(store, "done", [*made.events(COUNT), made.ending(COUNT)])
        failure = {"number": COUNT, "plan": dict(made.DENSE), "cause": "crash", "reason": "it died", "attempts": 3}
        made.add(store, "hurt", [*made.events(COUNT), Event("failure", failure, "evaluate:failed")])
        yield store


@pytest.mark.parametrize("name", plots.NAMES)
@pytest.mark.parametrize("search", ["fresh", "going", "done", "hurt"])
def test_every_plot_of_every_search_is_json_without_nan_and_says_what_it_shows(
    opened: Store, search: str, name: str
) -> None:
    numbers = json.loads(plots.render(opened, search, name, "json"), parse_constant=pytest.fail)
    assert (numbers["plot"], numbers["search"], numbers["metric_name"]) == (name, search, "box mAP")
    assert numbers["budget"] == {"max_ms": made.BUDGET, "min_ms": None, "stat": "median"}
    assert numbers["summary"].endswith(".")


@pytest.mark.parametrize("name", plots.NAMES)
@pytest.mark.parametrize("search", ["fresh", "done"])
def test_a_plot_is_drawn_as_a_real_png(opened: Store, tmp_path: Path, search: str, name: str) -> None:
    file = tmp_path / "plot.png"
    file.write_bytes(plots.render(opened, search, name, "png"))
    with Image.open(file) as picture:
        picture.load()
        assert picture.format == "PNG" and min(picture.size) > 400
        shades = picture.convert("L").getextrema()
    assert shades[0] < 128 < shades[1], "nothing is drawn"


@pytest.mark.parametrize("name", plots.NAMES)
def test_a_plot_is_drawn_as_svg_without_scripts_and_the_same_twice(opened: Store, name: str) -> None:
    first = plots.render(opened, "done", name, "svg")
    tree = ElementTree.fromstring(first)
    tags = {element.tag.rpartition("}")[2] for element in tree.iter()}
    assert tree.tag == "{http://www.w3.org/2000/svg}svg" and "path" in tags
    assert not tags & {"script", "foreignObject"}
    assert plots.render(opened, "done", name, "svg") == first


@pytest.mark.parametrize(("name", "format"), [("pie", "json"), ("pie", "png"), ("front", "gif"), ("../front", "svg")])
def test_unknown_plots_and_formats_are_refused(opened: Store, name: str, format: str) -> None:
    with pytest.raises(plots.UnknownPlot, match="choose"):
        plots.render(opened, "done", name, format)


def test_plots_of_no_search_are_refused(opened: Store) -> None:
    with pytest.raises(UnknownSearch):
        plots.data(opened, "nowhere", "front")


def test_the_front_marks_the_chosen_plan_and_both_ends(opened: Store) -> None:
    front = plots.data(opened, "done", "front")
    ids = [one["id"] for one in front["points"]]
    assert front["chosen"] in ids and [one["id"] for one in front["points"] if one["chosen"]] == [front["chosen"]]
    assert len(ids) == len(set(ids)) and all(len(one) == 12 for one in ids)
    assert front["floor"]["ms"] < made.BUDGET < front["dense"]["ms"]
    assert front["dense"]["metric"] == pytest.approx(42.0)
    assert {one["meets"] for one in front["points"]} >= {"yes", "no"}
    assert [one["ms"] for one in front["points"]] == sorted(one["ms"] for one in front["points"])


def test_the_knee_bulges_and_may_meet_the_budget(opened: Store) -> None:
    front = plots.data(opened, "done", "front")
    bend = next(one for one in front["points"] if one["id"] == front["knee"])
    inside = [one for one in front["points"] if one["meets"] != "no"]
    assert bend in inside[1:-1]
    assert plots.data(opened, "fresh", "front")["knee"] is None


def test_trials_say_whether_they_are_inside_the_budget(opened: Store) -> None:
    trials = plots.data(opened, "going", "front")["trials"]
    assert len(trials) == COUNT
    assert all(one["feasible"] == (1.01 * one["ms"] <= made.BUDGET) for one in trials)


def test_stages_know_every_plan_of_the_front(opened: Store) -> None:
    front, stages = (plots.data(opened, "done", name) for name in ("front", "stages"))
    known = {one["id"]: one for one in stages["plans"]}
    assert {one["id"] for one in front["points"]} <= set(known)
    dense = known[front["dense"]["id"]]
    assert dense["share"] == [0.0] * len(stages["knobs"])
    assert dense["kept"] == [knob["counts"][0] for knob in stages["knobs"]]
    assert known[front["floor"]["id"]]["share"] == [1.0] * len(stages["knobs"])


def test_distributions_rise_to_one_and_name_their_roles(opened: Store) -> None:
    series = plots.data(opened, "done", "latency")["series"]
    assert [one["role"] for one in series] == ["floor", "dense"]
    for one in series:
        shares = [share for _, share in one["ecdf"]]
        times = [ms for ms, _ in one["ecdf"]]
        assert shares == sorted(shares) and shares[-1] == 1.0 and times == sorted(times)
        assert one["low_ms"] <= one["ms"] <= one["high_ms"]


def test_the_best_so_far_never_falls_and_counts_plans_inside_the_budget_only(opened: Store) -> None:
    steps = plots.data(opened, "going", "progress")["steps"]
    best: list[Any] = [step["best"] for step in steps]
    assert best[0] is None, "the dense plan comes first and is over the budget"
    values = [value for value in best if value is not None]
    assert values == sorted(values)
    assert values[-1] == max(step["metric"] for step in steps if step["feasible"])
    areas = [step["hypervolume"] for step in steps]
    assert areas == sorted(areas) and areas[-1] == 1.0


def test_bars_of_one_lane_do_not_overlap(opened: Store) -> None:
    numbers = plots.data(opened, "hurt", "workers")
    assert {bar["state"] for bar in numbers["bars"]} == {"done", "failed"}
    for lane in range(numbers["lanes"]):
        spans = sorted((bar["start_s"], bar["end_s"]) for bar in numbers["bars"] if bar["lane"] == lane)
        assert all(before[1] <= after[0] + 1e-3 for before, after in itertools.pairwise(spans))


def test_parallel_rows_have_a_value_per_axis_and_one_is_chosen(opened: Store) -> None:
    numbers = plots.data(opened, "done", "parallel")
    assert [axis["kind"] for axis in numbers["axes"][-2:]] == ["latency", "metric"]
    assert {len(row["values"]) for row in numbers["rows"]} == {len(numbers["axes"])}
    assert sum(row["chosen"] for row in numbers["rows"]) == 1


def test_more_trials_than_are_shown_are_sampled_and_the_best_one_is_kept(tmp_path: Path) -> None:
    with made.store(tmp_path / "store.db") as store:
        made.add(store, "large", made.events(4))
        lot = [made.trial(number, made.DENSE) for number in range(4, 4000)]
        lot[1771].data["metric"] = 99.0  # type: ignore[index]
        store.append("large", lot)
        trials = plots.data(store, "large", "front")["trials"]
    assert 1000 < len(trials) <= 2000
    assert max(one["metric"] for one in trials) == 99.0
    assert trials[-1]["number"] > 3900
