"""Records: nothing lost on the way through JSON, and statistics that fit each other."""

import json
from math import inf, isclose

import pytest

from latency.errors import RecordError
from latency.record import BlockSample, Measurement
from tests.latency.support import DEVICE, record

RATIOS = (0.98, 1.0, 1.01, 1.02, 1.0, 0.99, 1.03)


def test_survives_json_without_loss() -> None:
    flagged = BlockSample((1 / 3, 0.2, 0.7), 0.1 + 0.2, 1.5, ("contended",), (0.4, 0.5, 0.6))
    original = record(RATIOS, 1 / 7, reference_se=0.001, between_sd=0.002, noise_sd=0.01, noise_dof=9.0, flags=("x",))
    original = Measurement(**{**vars_of(original), "blocks": (*original.blocks, flagged)})  # type: ignore[arg-type]
    again = Measurement.from_dict(json.loads(json.dumps(original.to_dict())))
    assert again == original
    assert again.upper_ms() == original.upper_ms()
    assert list(again.plan) == list(original.plan)


def vars_of(measurement: Measurement) -> dict[str, object]:
    return {name: getattr(measurement, name) for name in measurement.__dataclass_fields__}


def test_the_estimate_is_the_ratio_times_the_reference() -> None:
    measurement = record(RATIOS, reference_ms=20.0)
    assert measurement.ratio == 1.0
    assert measurement.median_ms == 20.0
    assert measurement.samples == 3 * len(RATIOS)
    low, high = measurement.interval_ms
    assert low < 20.0 < high
    assert isclose(low / 20.0, measurement.ratio_interval[0]) and isclose(high / 20.0, measurement.ratio_interval[1])


@pytest.mark.parametrize("fields", [{"reference_se": 0.02}, {"between_sd": 0.02}, {"inflation": 0.02}])
def test_every_further_doubt_widens(fields: dict[str, float]) -> None:
    plain, doubtful = record(RATIOS), record(RATIOS, **fields)
    assert doubtful.interval_ms[0] < plain.interval_ms[0] and doubtful.interval_ms[1] > plain.interval_ms[1]
    assert doubtful.upper_ms() > plain.upper_ms()
    assert doubtful.median_ms == plain.median_ms


@pytest.mark.parametrize("alpha", [0.5, 0.1, 0.01, 0.0002])
@pytest.mark.parametrize("fields", [{}, {"between_sd": 0.02, "inflation": 0.01}])
def test_bound_and_probability_are_one_statement(alpha: float, fields: dict[str, float]) -> None:
    measurement = record(RATIOS, **fields)
    assert isclose(measurement.probability_within(measurement.upper_ms(alpha)), 1 - alpha, rel_tol=1e-6)


def test_probability_grows_with_the_budget() -> None:
    measurement = record(RATIOS)
    chances = [measurement.probability_within(budget) for budget in (5, 9.9, 10, 10.1, 15)]
    assert chances == sorted(chances)
    assert chances[0] < 0.001 and chances[2] == 0.5 and chances[-1] > 0.999


def test_one_block_alone_promises_nothing() -> None:
    measurement = record([1.0])
    assert measurement.interval_ms == (0.0, inf)
    assert measurement.upper_ms() == inf
    assert measurement.probability_within(1e9) == 0.5


def test_one_block_with_known_noise_promises_something() -> None:
    measurement = record([1.0], noise_sd=0.01, noise_dof=10.0)
    assert 10.0 < measurement.upper_ms() < 10.5


def test_equal_blocks_have_no_interval() -> None:
    measurement = record([1.0] * 12)
    assert measurement.interval_ms == (10.0, 10.0)
    assert [measurement.probability_within(budget) for budget in (9.99, 10.0)] == [0.0, 1.0]


def test_doubtful_blocks_are_left_out_while_enough_others_remain() -> None:
    def blocks(doubtful: int) -> tuple[BlockSample, ...]:
        return tuple(
            BlockSample((10.0,), 2.0 if place < doubtful else 1.0, 0.0, ("contended",) if place < doubtful else ())
            for place in range(8)
        )

    few, many = (Measurement(**{**vars_of(record([1.0])), "blocks": blocks(n)}) for n in (4, 5))  # type: ignore[arg-type]
    assert len(few.used) == 4 and few.ratio == 1.0
    assert len(many.used) == 8 and many.ratio == 2.0


def test_percentiles_are_free_of_drift() -> None:
    # the device gets twice as slow, the ratio stays
    drifting = tuple(BlockSample((10.0 * f, 11.0 * f, 12.0 * f), 1.1, f) for f in (1.0, 1.5, 2.0))
    measurement = Measurement(**{**vars_of(record([1.0])), "blocks": drifting})  # type: ignore[arg-type]
    assert isclose(measurement.p90_ms, 12.0) and isclose(measurement.p99_ms, 12.0)


def test_percentiles_are_those_of_the_scaled_forwards() -> None:
    times_ms = tuple(10.0 + n for n in range(21))  # 10 to 30, median 20
    block = BlockSample(times_ms, 2.0, 0.0)
    measurement = Measurement(**{**vars_of(record([2.0])), "blocks": (block,)})  # type: ignore[arg-type]
    scale = 2.0 * measurement.reference_ms / 20.0
    shown = (measurement.p90_ms, measurement.p95_ms, measurement.p99_ms)
    assert shown == pytest.approx((28.0 * scale, 29.0 * scale, 29.8 * scale))


@pytest.mark.parametrize("reference_ms", [0.0, -1.0, inf, float("nan")])
def test_refuses_times_that_are_none(reference_ms: float) -> None:
    with pytest.raises(RecordError, match="positive and finite"):
        record(RATIOS, reference_ms)


def test_refuses_to_be_empty() -> None:
    with pytest.raises(RecordError, match="at least one block"):
        record([])


def test_refuses_what_it_did_not_write() -> None:
    with pytest.raises(RecordError, match="KeyError: 'blocks'"):
        Measurement.from_dict({"plan": {}})
    with pytest.raises(RecordError, match="colour"):
        Measurement.from_dict({**record(RATIOS).to_dict(), "colour": "blue"})


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_refuses_an_alpha_that_is_no_risk(alpha: float) -> None:
    with pytest.raises(ValueError, match="alpha"):
        record(RATIOS).upper_ms(alpha)


def test_devices_with_unlike_details_still_hash() -> None:
    assert len({DEVICE, DEVICE}) == 1
