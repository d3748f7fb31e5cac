"""`sparsearch demo`: a whole search on the built-in detector and data, within minutes on two cores."""

import os
from dataclasses import replace
from typing import Annotated

import typer

from latency.record import Measurement
from search.budget import Budget
from search.home import Home
from search.records import Event, Job
from search.targets import Target, find
from sparsearch import options
from sparsearch.command import add
from sparsearch.views import view_of
from sparsearch.views.ending import Ending

TARGET = "digits-sparsevit"
SHARE = 0.7
"""Where the demo's budget lies between the floor (0) and dense (1)."""


def demo(
    evaluations: Annotated[int, typer.Option(min=4, help="Plans whose accuracy may be evaluated.")] = 24,
    images: Annotated[int, typer.Option(min=8, help="Images per evaluation.")] = 48,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Evaluating processes. Default: one per core, at most 2.")
    ] = None,
    target: Annotated[str, typer.Option(help="What to search.")] = TARGET,
    device: Annotated[str | None, typer.Option(help="cpu, cuda:0 or sim:0. Default: cpu.")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    as_json: options.AsJson = False,
) -> int:
    """A first search: writes data, measures, picks a budget between floor and dense, searches, verifies, exports."""
    from search.coordinator import Coordinator
    from search.store.store import Store

    home = Home.default()
    about = find(target, home)
    about.check()
    if target == TARGET:
        from samples.digits import Recipe, ensure_digits

        for split in ("search", "confirm"):
            _say(f"data: {ensure_digits(Recipe.of_split(split))}", as_json)
    # the CPU by default: a GPU takes as long to be told about the small model as to run it, sparse or not
    place = device or about.device or "cpu"
    threads = 1 if place == "cpu" else None
    count = workers or min(len(os.sched_getaffinity(0)), 2)
    job = Job(
        target=target,
        budget=Budget(1.0),
        setting=options.setting_of(about, place, None, None, None, "float32", "eager", threads),
        seed=seed,
        evaluations=evaluations,
        images=images,
        workers=count,
        pool="ray" if count > 1 else "serial",
        metric=about.metric,
    )
    ends = measure_ends(job, about)
    job = replace(job, budget=pick_budget(ends))
    with Store.open(home.database) as store:
        coordinator = Coordinator(store, home)
        row = coordinator.create(job)
        with view_of(job, as_json) as view:
            # the search goes on from here: what chose the budget is its own first measurement
            for event in store.append(row.id, [ends]):
                view.show(event)
            _say(f"budget: {job.budget}, {SHARE:.0%} of the way from floor to dense", as_json)
            outcome = coordinator.resume(row.id, view.show)
            view.conclude(Ending.of(outcome))
    return outcome.exit_code


def measure_ends(job: Job, target: Target) -> Event:
    """The measurement of the sparsest and the dense plan that a search begins with, as its event."""
    from search.rig import set_up

    rig = set_up(job, target)
    try:
        plans = [rig.space.canonical(rig.space.sparsest), rig.space.canonical(rig.space.dense)]
        measured = rig.measure(plans, "ends", True, None, lambda done: None)
        data = {"purpose": "ends", "session": "ends", "device_key": rig.device_key}
    finally:
        rig.close()
    return Event("measurement", {**data, "measurements": [one.to_dict() for one in measured]}, "measure:ends")


def pick_budget(ends: Event) -> Budget:
    """A budget that some plans meet and the dense one does not."""
    floor, dense = (Measurement.from_dict(record).median_ms for record in ends.data["measurements"])
    return Budget(float(f"{floor + SHARE * (dense - floor):.3g}"))


def _say(line: str, quiet: bool) -> None:
    if not quiet:
        print(line, flush=True)


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    add(app, demo)
