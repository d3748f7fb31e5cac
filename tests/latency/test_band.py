import json

import numpy as np
import pytest

from latency.band import Band


def test_the_kth_of_n_errors_covers_k_of_n_plus_1() -> None:
    band = Band.of(np.array([3.0, -1.0, 2.0, -4.0]), degrees=10)
    assert [band.reach(k / 5) for k in (1, 2, 3, 4)] == pytest.approx([1, 2, 3, 4])


def test_it_goes_on_beyond_the_largest_error() -> None:
    band = Band.of(np.arange(1.0, 10.0), degrees=5)
    assert 9 < band.reach(0.95) < band.reach(0.99) < band.reach(0.9999)


def test_quantile_and_probability_are_inverse() -> None:
    band = Band.of(np.random.default_rng(0).normal(size=30), degrees=20)
    for probability in (0.001, 0.05, 0.3, 0.5, 0.8, 0.99):
        assert band.probability(np.array([band.quantile(probability)]))[0] == pytest.approx(probability, abs=1e-6)


@pytest.mark.parametrize("scores", [[0.0, 0.0, 0.0], [0.7], [1.0, 1.0, 1.0, 1.0]])
def test_ties_zeros_and_a_single_error_give_a_band(scores: list[float]) -> None:
    band = Band.of(np.array(scores), degrees=0)
    reaches = [band.reach(c) for c in (0.1, 0.5, 0.9, 0.99)]
    assert reaches == sorted(reaches)
    assert band.probability(np.array([0.0]))[0] == 0.5


@pytest.mark.parametrize("draw", ["normal", "laplace", "uniform"])
def test_covers_new_errors_of_any_distribution(draw: str) -> None:
    rng = np.random.default_rng(1)
    hits = []
    for _ in range(2000):
        errors = getattr(rng, draw)(size=36)
        hits.append(abs(errors[-1]) <= Band.of(errors[:-1], degrees=22).reach(0.9))
    assert np.mean(hits) == pytest.approx(0.9, abs=0.02)


def test_survives_json() -> None:
    band = Band.of(np.array([1.0, 2.0]), 7)
    assert Band.from_dict(json.loads(json.dumps(band.to_dict()))) == band
