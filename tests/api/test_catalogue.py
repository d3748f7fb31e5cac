"""What there is to search with, told without torch and without a path of the server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from api.devices import host_devices
from models.sparsevit_variants import SPARSEVIT
from models.zoo import FAMILIES, ZOO, build
from search.budget import Budget
from search.defaults import setting_of
from search.records import Event, Job
from search.targets import BUILTIN
from tests.api.support import AppClient, app_client, settings_for
from tests.api.test_wall import is_problem


@pytest.fixture
def client(home: Path) -> Iterator[AppClient]:
    with app_client(settings_for(home)) as client:
        yield client


def prepared(client: AppClient, target: str, device_key: str) -> None:
    """Store a search that has learnt its space and its device, and has ended."""
    store, about = client.service.dispatcher.store, BUILTIN[target]
    job = Job(target=target, budget=Budget(30), setting=setting_of(about, device="sim:3"), id=f"search-{device_key}")
    store.create_search(job, "digest")
    space = SPARSEVIT["sparsevit_nano"].geometry.space(about.input_size)
    device = {"key": device_key, "name": "a machine", "details": {"key": {"kind": "sim"}, "context": {"host": "x"}}}
    data = {"space": space.to_json(), "plans": [], "device": device, "device_key": device_key, "simulated": True}
    end = Event("end", {"state": "cancelled", "message": "", "answer": None})
    store.append(job.id, [Event("prepared", data, key="prepared"), end])


def test_targets_tell_their_defaults_and_no_path(client: AppClient, home: Path) -> None:
    body = client.get("/v1/targets").json()
    found = {item["name"]: item for item in body["items"]}
    assert set(found) == set(BUILTIN) and body["next_page_token"] is None
    synthetic, digits = found["synthetic-swin-t"], found["digits-sparsevit"]
    assert synthetic["simulated"] and synthetic["setting"]["device"] == "sim:0" and synthetic["ready"]
    assert synthetic["setting"]["img_size"] == [672, 672] and synthetic["space"]["plans"] == 120_285
    assert digits["kind"] == "detection" and digits["metric"] == "bbox_mAP" and not digits["simulated"]
    text = json.dumps(body)
    assert "/" not in text.replace("bbox/", "") and str(home) not in text and ".safetensors" not in text


def test_the_space_of_a_target_is_known_once_a_search_has_seen_it(client: AppClient) -> None:
    def space() -> object:
        items = client.get("/v1/targets").json()["items"]
        return next(item["space"] for item in items if item["name"] == "digits-sparsevit")

    assert space() is None
    prepared(client, "digits-sparsevit", "k1")
    told = space()
    assert isinstance(told, dict) and told["img_size"] == [336, 336]
    assert [knob["name"] for knob in told["knobs"]][:2] == ["stage0", "stage1"]
    assert told["ordered"] == [["stage2_1", "stage2_2", "stage2_3"]]


def test_a_target_with_missing_files_is_shown_with_what_is_wrong(client: AppClient, home: Path) -> None:
    home.mkdir(exist_ok=True)
    table = '[targets.mine]\nconfig = "/srv/private/mine.py"\ncheckpoint = "/srv/private/mine.pth"\n'
    (home / "targets.toml").write_text(table)
    mine = next(item for item in client.get("/v1/targets").json()["items"] if item["name"] == "mine")
    assert not mine["ready"] and "mine.py does not exist" in mine["problem"] and "/srv" not in mine["problem"]


def test_a_broken_file_of_targets_is_the_servers_fault(client: AppClient, home: Path) -> None:
    home.mkdir(exist_ok=True)
    (home / "targets.toml").write_text("[targets")
    answer = client.get("/v1/targets")
    assert is_problem(answer, 503, "not-ready") and str(home) not in answer.text


def test_models_are_the_zoo_without_building_it(client: AppClient) -> None:
    items = client.get("/v1/models").json()["items"]
    assert [item["name"] for item in items] == list(ZOO)
    assert {item["family"] for item in items} == {family.name for family in FAMILIES}
    for item in items:
        with torch.device("meta"):
            backbone = build(item["name"])
        size = tuple(item["space"]["img_size"])
        space = backbone.space(size)
        assert item["space"]["plans"] == len(space)
        assert [knob["name"] for knob in item["space"]["knobs"]] == list(space.names)
        assert item["gmacs"] == pytest.approx(backbone.work(space.dense, size).macs / 1e9)


def test_devices_are_those_seen_and_those_here(client: AppClient) -> None:
    prepared(client, "synthetic-swin-t", "k1")
    prepared(client, "synthetic-swin-t", "k2")
    items = client.get("/v1/devices").json()["items"]
    measured = [item for item in items if item["source"] == "measured"]
    assert {item["key"] for item in measured} == {"k1", "k2"}
    assert measured[0]["device"] == "sim:3" and measured[0]["name"] == "a machine" and measured[0]["simulated"]
    assert measured[0]["details"] == {"kind": "sim"} and "batch 4" in measured[0]["setting"]
    here = {item["device"]: item for item in items if item["source"] == "host"}
    assert {"cpu", "sim:0"} <= set(here) and here["cpu"]["key"] is None and here["cpu"]["name"]


def test_gpus_are_read_from_the_driver(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Fast CPU @ 3 GHz\n")
    for index, model in enumerate(("NVIDIA H100", "NVIDIA L4")):
        folder = tmp_path / "driver" / "nvidia" / "gpus" / f"0000:0{index}:00.0"
        folder.mkdir(parents=True)
        (folder / "information").write_text(f"Model: \t\t {model}\nIRQ:   17\n")
    found = {device.device: device.name for device in host_devices(tmp_path)}
    assert found == {
        "cpu": "Fast CPU @ 3 GHz", "cuda:0": "NVIDIA H100", "cuda:1": "NVIDIA L4", "sim:0": "simulated device 0",
    }  # fmt: skip
