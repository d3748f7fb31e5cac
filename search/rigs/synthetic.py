"""The rig of synthetic targets: the zoo's first space, a closed-form accuracy and a simulated device. No torch."""

from functools import partial

from models.plan import Plan
from models.work import Work
from search.defaults import simulated_size
from search.evaluators.synthetic import SyntheticEvaluator
from search.records import Job
from search.rigs.bench import Bench
from search.rigs.stopwatch import Stopwatch, simulated
from search.targets import Target

DENSE_MS = 47.8
"""Latency of the dense plan on every simulated device: about that of a small detector's backbone on a workstation."""


class SyntheticRig(Bench):
    """See `search.rig.Rig`.

    Args:
        job: the request; its device is simulated.
        target: has the evaluator's options.
    """

    def __init__(self, job: Job, target: Target) -> None:
        size = job.setting.input_size
        geometry = simulated_size().geometry
        space = geometry.space(size)

        def work(plan: Plan) -> Work:
            return geometry.work(plan, size)

        stopwatch = Stopwatch(job, space, simulated(job, work, DENSE_MS))
        factory = partial(SyntheticEvaluator, space, job.images, **target.options)
        super().__init__(job, space, work, stopwatch, factory, simulated=True)
