import json
from dataclasses import replace

import pytest

from latency.errors import DeviceError
from latency.fingerprint import differences, fingerprint, key_of
from latency.memory import chosen
from latency.record import Device
from latency.setting import Setting

CPU = Setting(threads=1)


def test_the_same_machine_and_setting_have_the_same_key() -> None:
    assert fingerprint(CPU).key == fingerprint(Setting(threads=1)).key


@pytest.mark.parametrize(
    "change",
    [
        {"threads": 2},
        {"batch": 4},
        {"input_size": (672, 672)},
        {"dtype": "bfloat16"},
        {"runtime": "compile"},
        {"scope": "model"},
        {"clock": "host"},
        {"device": "sim:0"},
    ],
)
def test_whatever_changes_latency_changes_the_key(change: dict[str, object]) -> None:
    other = fingerprint(replace(CPU, **change))  # type: ignore[arg-type]
    assert other.key != fingerprint(CPU).key
    assert differences(fingerprint(CPU), other)


def test_latencies_on_some_images_do_not_mix_with_those_on_random_ones() -> None:
    on_images = fingerprint(CPU, "images of search, abc")
    assert differences(fingerprint(CPU), on_images) == ["inputs: None -> images of search, abc"]
    assert len({fingerprint(CPU).key, on_images.key, fingerprint(CPU, "others").key}) == 3


def test_another_allocator_is_another_device(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in chosen():
        monkeypatch.delenv(name)
    kept = fingerprint(CPU)
    monkeypatch.setenv("LD_PRELOAD", "/usr/lib/libjemalloc.so.2")
    assert differences(kept, fingerprint(CPU)) == [
        "memory: kept -> None",
        "memory.LD_PRELOAD: None -> libjemalloc.so.2",
    ]


def test_differences_name_the_field() -> None:
    changed = fingerprint(replace(CPU, batch=4))
    assert differences(fingerprint(CPU), changed) == ["setting.batch: 1 -> 4"]
    assert differences(changed, changed) == []


def test_context_is_stored_but_not_hashed() -> None:
    device = fingerprint(CPU)
    assert device.details["context"]["kernel"]
    assert device.key == key_of(device.details["key"])


def test_the_processor_is_named() -> None:
    key = fingerprint(CPU).details["key"]
    assert key["model"]
    assert key["threads"] == 1
    assert key["torch"]
    assert key["affinity"] <= key["cores"]


def test_unset_threads_mean_torchs_own_number() -> None:
    import torch

    default = fingerprint(Setting())
    assert default.key == fingerprint(Setting(threads=torch.get_num_threads())).key


def test_simulated_devices_differ_by_seed() -> None:
    assert fingerprint(Setting(device="sim:1")).key != fingerprint(Setting(device="sim:2")).key
    assert fingerprint(Setting(device="sim:1")).name == "simulated device 1"


def test_a_gpu_that_is_not_here_is_an_error() -> None:
    with pytest.raises(DeviceError, match="cuda:99 is not here"):
        fingerprint(Setting(device="cuda:99"))


def test_fingerprints_survive_json() -> None:
    device = fingerprint(CPU)
    assert Device.from_dict(json.loads(json.dumps(device.to_dict()))) == device
