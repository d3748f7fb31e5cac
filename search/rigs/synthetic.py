"""The rig of synthetic targets: the space of SparseViT-T, a closed-form accuracy and a simulated device. No torch."""

from functools import partial

from models.plan import Plan
from models.sparsevit_geometry import Geometry
from models.work import Work
from search.evaluators.synthetic import SyntheticEvaluator
from search.records import Job
from search.rigs.bench import Bench
from search.rigs.stopwatch import Stopwatch, simulated
from search.targets import Target

SPARSEVIT_T = Geometry(96, (2, 2, 6, 2))

DENSE_MS = 47.8
"""Latency of the dense plan on every simulated device: what SparseViT's authors report for theirs."""


class SyntheticRig(Bench):
    """See `search.rig.Rig`.

    Args:
        job: the request; its device is simulated.
        target: has the evaluator's options.
    """

    def __init__(self, job: Job, target: Target) -> None:
        size = job.setting.input_size
        space = SPARSEVIT_T.space(size)

        def work(plan: Plan) -> Work:
            return SPARSEVIT_T.work(plan, size)

        stopwatch = Stopwatch(job, space, simulated(job, work, DENSE_MS))
        factory = partial(SyntheticEvaluator, space, job.images, **target.options)
        super().__init__(job, space, work, stopwatch, factory, simulated=True)
