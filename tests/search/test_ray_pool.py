import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import psutil
import pytest
import ray

from models.plan import Plan
from search.attempts import ATTEMPTS
from search.errors import EvaluationError, ExecutorError, TargetError
from search.evaluators.synthetic import SyntheticEvaluator
from search.pools import Pool, ray_cluster
from search.pools.ray import RayPool
from search.pools.ray_cluster import Cluster
from search.pools.ray_crew import LOSSES, Crew
from search.records import Evaluation, Failure
from tests.search.pool_contract import SPACE, PoolContract, failing, synthetic

ROOT = Path(__file__).resolve().parents[2]


class Mortal(SyntheticEvaluator):
    """Kills its own process during the first `deaths` evaluations of all workers together."""

    def __init__(self, tally: Path, deaths: int) -> None:
        super().__init__(SPACE)
        self._tally = tally
        self._deaths = deaths

    def evaluate(self, plan: Plan, split: str = "search", blocks: Sequence[int] | None = None) -> Evaluation:
        with self._tally.open("a") as file:
            file.write("x")
        if self._tally.stat().st_size <= self._deaths:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().evaluate(plan, split, blocks)


class Hanging(SyntheticEvaluator):
    """Sleeps for ever over the sparsest plan, or stops its own process as SIGSTOP does."""

    def __init__(self, tally: Path, stop: bool) -> None:
        super().__init__(SPACE)
        self._tally = tally
        self._stop = stop

    def evaluate(self, plan: Plan, split: str = "search", blocks: Sequence[int] | None = None) -> Evaluation:
        if plan == SPACE.sparsest:
            with self._tally.open("a") as file:
                file.write("x")
            if self._stop:
                os.kill(os.getpid(), signal.SIGSTOP)
            time.sleep(600)
        return super().evaluate(plan, split, blocks)


class Sharing:
    """A factory that hands out one list of images."""

    def __call__(self) -> "Adopting":
        return Adopting(SPACE)

    def share(self, split: str) -> list[str]:
        return [split, "image"]


class Adopting(SyntheticEvaluator):
    """Refuses to work before it was given the images of the split."""

    adopted: object = None

    def adopt(self, split: str, images: object) -> None:
        self.adopted = images

    def evaluate(self, plan: Plan, split: str = "search", blocks: Sequence[int] | None = None) -> Evaluation:
        if self.adopted != [split, "image"]:
            raise EvaluationError(f"got {self.adopted}")
        return super().evaluate(plan, split, blocks)


def unloadable() -> SyntheticEvaluator:
    raise TargetError("checkpoint x.safetensors does not exist")


@pytest.fixture(scope="module", autouse=True)
def one_ray() -> Iterator[None]:
    """Starting Ray takes seconds: the pools of this file share an instance, which they find and leave alone."""
    owner = Cluster(cpus=8, gpus=0)
    owner.start()
    yield
    owner.stop()
    assert not ray.is_initialized()


class TestRayPool(PoolContract):
    @pytest.fixture
    def pool(self) -> Iterator[Pool]:
        made = RayPool(synthetic, workers=2)
        yield made
        made.close()

    @pytest.fixture
    def failing_pool(self) -> Iterator[Pool]:
        made = RayPool(failing, workers=2)
        yield made
        made.close()

    def test_repeats_what_a_killed_worker_was_doing(self, tmp_path: Path) -> None:
        pool = RayPool(partial(Mortal, tmp_path / "tally", 2), workers=1)
        plans = self.plans(4)
        found = list(pool.evaluate(plans))
        pool.close()
        assert {one.plan for one in found} == set(plans)
        assert (tmp_path / "tally").stat().st_size == len(plans) + 2

    def test_gives_up_on_a_plan_that_kills_every_worker(self, tmp_path: Path) -> None:
        pool = RayPool(partial(Mortal, tmp_path / "tally", 99), workers=1)
        (found,) = pool.evaluate(self.plans(1))
        pool.close()
        assert isinstance(found, Failure)
        assert (found.cause, found.attempts) == ("crash", ATTEMPTS)
        assert found.reason.startswith("its worker died (")
        assert (tmp_path / "tally").stat().st_size == ATTEMPTS

    def test_says_why_an_evaluator_cannot_be_built(self) -> None:
        pool = RayPool(unloadable, workers=1)
        with pytest.raises(TargetError, match=r"^checkpoint x\.safetensors does not exist$"):
            list(pool.evaluate(self.plans(1)))
        pool.close()

    def test_hands_the_shared_images_to_every_worker(self) -> None:
        pool = RayPool(Sharing(), workers=2)
        assert len(list(pool.evaluate(self.plans(4), "confirm"))) == 4
        pool.close()

    @pytest.mark.parametrize("stop", [False, True])
    def test_cuts_off_an_evaluation_that_takes_too_long(self, tmp_path: Path, stop: bool) -> None:
        pool = RayPool(partial(Hanging, tmp_path / "tally", stop), workers=1, timeout_s=1.0)
        plan, hangs = self.plans(1)[0], SPACE.sparsest
        started = time.monotonic()
        found = {one.plan: one for one in pool.evaluate([hangs, plan])}
        elapsed = time.monotonic() - started
        pool.close()
        failure = found[hangs]
        assert isinstance(failure, Failure) and isinstance(found[plan], Evaluation)
        assert (failure.cause, failure.attempts) == ("timeout", ATTEMPTS)
        assert "longer than 1 s" in failure.reason
        assert (tmp_path / "tally").stat().st_size == ATTEMPTS
        # each attempt is cut at most 5 s late; the rest is for starting workers
        assert elapsed < ATTEMPTS * (1.0 + 5.0) + 30.0

    def test_closing_ends_the_workers(self, pool: RayPool) -> None:
        list(pool.evaluate(self.plans(3)))
        pids = pool.pids()
        assert pids
        pool.close()
        _, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=20)
        assert alive == []

    def test_needs_a_worker(self) -> None:
        with pytest.raises(EvaluationError, match="workers=0 must be at least 1"):
            RayPool(synthetic, workers=0)


def test_a_lost_ray_that_does_not_go_down_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    forever = threading.Event()
    monkeypatch.setattr(ray_cluster, "SHUTDOWN_S", 0.1)
    monkeypatch.setattr(ray, "shutdown", forever.wait)
    cluster = Cluster(cpus=1, gpus=0)
    cluster._owned = True
    with pytest.raises(ExecutorError, match="what is left of it does not end"):
        cluster.restart()
    cluster.stop()  # returns
    forever.set()


def test_a_ray_that_somebody_else_started_is_not_replaced() -> None:
    with pytest.raises(ExecutorError, match="it was not started here"):
        Cluster(cpus=1, gpus=0).restart()


def test_a_ray_that_is_lost_again_and_again_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cluster, "restart", lambda self: None)
    crew = Crew(synthetic, 1, 0)
    for _ in range(LOSSES):
        crew.recover()
    crew.well()
    for _ in range(LOSSES):
        crew.recover()
    with pytest.raises(ExecutorError, match=f"lost {LOSSES + 1} times in a row"):
        crew.recover()


def test_strangers_need_the_token_of_this_user() -> None:
    assert os.environ["RAY_AUTH_MODE"] == "token"


def test_a_killed_driver_takes_its_workers_with_it() -> None:
    program = (
        "import time\n"
        "from search.pools.ray import RayPool\n"
        "from tests.search.pool_contract import SPACE, synthetic\n"
        "pool = RayPool(synthetic, workers=1)\n"
        "list(pool.evaluate([SPACE.dense]))\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)\n"
    )
    driver = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert driver.stdout is not None
        assert driver.stdout.readline() == "ready\n"
        family = psutil.Process(driver.pid).children(recursive=True)
        # two idle agents notice the end of their node only after a minute, and then leave
        family = [one for one in family if "Agent" not in " ".join(one.cmdline())]
    finally:
        driver.kill()
        driver.communicate()
    deadline = time.monotonic() + 60
    while any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in family):
        assert time.monotonic() < deadline, family
        time.sleep(0.2)
    assert len(family) >= 3
