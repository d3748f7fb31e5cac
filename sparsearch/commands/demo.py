"""`sparsearch demo`: a whole search on the built-in detector and data, within minutes on two cores."""

import os
from typing import Annotated

import typer

from latency.setting import Setting
from search.budget import Budget
from search.home import Home
from search.records import Job
from search.targets import find
from sparsearch import options
from sparsearch.command import add
from sparsearch.views import view_of

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
        from samples.digits import ensure_digits

        _say(f"data: {ensure_digits()}", as_json)
    # the CPU by default: a GPU takes as long to be told about the small model as to run it, sparse or not
    place = device or about.device or "cpu"
    threads = 1 if place == "cpu" else None
    setting = options.setting_of(about, place, None, None, None, "float32", "eager", threads)
    budget = pick_budget(about.name, setting, home, as_json)
    count = workers or min(len(os.sched_getaffinity(0)), 2)
    job = Job(
        target=target,
        budget=budget,
        setting=setting,
        seed=seed,
        evaluations=evaluations,
        images=images,
        workers=count,
        pool="ray" if count > 1 else "serial",
        metric=about.metric,
    )
    with Store.open(home.database) as store, view_of(job, as_json) as view:
        outcome = Coordinator(store, home).run(job, view.show)
        view.conclude(outcome)
    return outcome.exit_code


def pick_budget(target: str, setting: Setting, home: Home, quiet: bool) -> Budget:
    """A budget that some plans meet and the dense one does not, from a quick measurement of both ends."""
    from search.rig import set_up

    job = Job(target=target, budget=Budget(1.0), setting=setting)
    rig = set_up(job, find(target, home))
    try:
        floor, dense = rig.measure([rig.space.sparsest, rig.space.dense], "demo", False, None, lambda done: None)
    finally:
        rig.close()
    budget = floor.median_ms + SHARE * (dense.median_ms - floor.median_ms)
    _say(f"floor {floor.median_ms:.3g} ms, dense {dense.median_ms:.3g} ms: the demo asks for {budget:.3g} ms", quiet)
    return Budget(float(f"{budget:.3g}"))


def _say(line: str, quiet: bool) -> None:
    if not quiet:
        print(line, flush=True)


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    add(app, demo)
