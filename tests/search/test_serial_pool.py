from collections.abc import Iterator

import pytest

from search.pools import Pool
from search.pools.serial import SerialPool
from tests.search.pool_contract import PoolContract, failing, synthetic


class TestSerialPool(PoolContract):
    @pytest.fixture
    def pool(self) -> Iterator[Pool]:
        made = SerialPool(synthetic)
        yield made
        made.close()

    @pytest.fixture
    def failing_pool(self) -> Iterator[Pool]:
        made = SerialPool(failing)
        yield made
        made.close()

    def test_builds_nothing_until_it_is_used(self) -> None:
        def never() -> None:
            raise AssertionError("built too early")

        SerialPool(never).close()  # type: ignore[arg-type]
