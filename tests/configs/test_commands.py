"""A config of every method and task goes through train, test, measure and visualize; the list of configs is whole.

All of them do so in `python -m tests.configs.commands`, which takes hours.
"""

from collections import Counter
from pathlib import Path

import pytest

from latency.stopping import QUICK
from latency.warmup import Warmup
from tests.configs import commands, test_classification_configs, test_configs
from tests.configs.derived import CONFIGS, all_configs

SMALL = (
    "digits/mask_rcnn_sparsevit-nano_finetune_digits.py",
    "digits/mask_rcnn_stvit-nano_dense_digits.py",
    "digits/mask_rcnn_stvit_r-nano_adapt_digits.py",
    "digits/mask_rcnn_svit_adapter-nano_sparse_digits.py",
    "digits/mask_rcnn_vit_adapter-nano_dense_digits.py",
    "search/digits_hourglass.py",
    "search/digit_classes_stvit.py",
    "search/moving_digits_swin.py",
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the data lie."""
    return tmp_path_factory.mktemp("data")


@pytest.mark.parametrize("name", SMALL)
def test_the_commands_run(name: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # how long is long enough is tested elsewhere
    monkeypatch.setattr("latency.stopping.PRECISE", QUICK)
    monkeypatch.setattr("latency.session.HEAT_UP_CPU", Warmup(seconds=0.1, forwards=3, patience=0.2))
    assert list(commands.run_commands(CONFIGS / name, tmp_path, root)) == list(commands.COMMANDS)


def test_every_config_is_on_the_list() -> None:
    expected = Counter(test_configs.EXPECTED) + Counter(test_classification_configs.EXPECTED)
    assert Counter(path.parent.name for path in all_configs()) == expected


def test_a_failure_and_an_empty_list_are_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert commands.main(["no-such-config"]) == 1

    def broken(path: Path, *_: Path) -> dict[str, float]:
        assert "dense" not in path.stem, "test returned 4: no weights"
        return dict.fromkeys(commands.COMMANDS, 1.0)

    monkeypatch.setattr(commands, "run_commands", broken)
    assert commands.main(["digits/mask_rcnn_sparsevit"]) == 1
    said = capsys.readouterr().out
    assert "dense_digits.py: FAIL AssertionError: test returned 4: no weights" in said
    assert "digits: 3 configs, 1 failed" in said and "2 of 3 configs passed" in said
    assert commands.main(["digits/mask_rcnn_sparsevit-nano_adapt"]) == 0
