"""The app in this process over a copy of a home with searches in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.api.bad_inputs import stock
from tests.api.bad_inputs.stock import Stock
from tests.api.support import AppClient, app_client, settings_for


@dataclass(frozen=True, slots=True)
class Inside:
    """An app and what is stored there.

    Args:
        client: of the app.
        stock: ids of its searches.
        home: its state home.
    """

    client: AppClient
    stock: Stock
    home: Path


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    home = tmp_path_factory.mktemp("inside") / "home"
    found = stock.copy(stock.shared(tmp_path_factory), home)
    with app_client(settings_for(home)) as client:
        yield Inside(client, found, home)
