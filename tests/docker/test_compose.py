"""The compose file: services that exist, secrets from files, nothing open but the service on loopback."""

import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from api.settings import Settings
from tests.docker.dockerfile import parse

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker" / "compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("service", "ray-head", "ray-worker")


def test_there_are_a_service_its_database_and_a_cluster() -> None:
    assert set(SERVICES) == {"service", "postgres", "ray-head", "ray-worker"}


@pytest.mark.parametrize("name", OURS)
def test_our_images_are_built_from_our_files_and_carry_our_version(name: str) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    image, tag = SERVICES[name]["image"].split(":")
    assert tag == version
    builders = [one["build"] for one in SERVICES.values() if one["image"].startswith(f"{image}:") and "build" in one]
    (build,) = builders
    context = (ROOT / "docker" / build["context"]).resolve()
    assert context == ROOT and (context / build["dockerfile"]).is_file()


def test_foreign_images_are_pinned_to_a_release() -> None:
    foreign = [one["image"] for name, one in SERVICES.items() if name not in OURS]
    assert foreign and all(re.fullmatch(r"[a-z]+:\d+\.\d+-[a-z]+", image) for image in foreign)


def test_only_the_service_is_published_and_only_on_loopback() -> None:
    published = {name: one["ports"] for name, one in SERVICES.items() if "ports" in one}
    final = parse(ROOT / "docker" / "service.Dockerfile").final
    port = final.last("EXPOSE").rest
    assert published == {"service": [f"127.0.0.1:{port}:{port}"]}
    assert not [one for one in SERVICES.values() if "network_mode" in one or one.get("privileged")]


def test_every_secret_is_a_file_outside_git_that_is_mounted_where_it_is_read() -> None:
    told = COMPOSE["secrets"]
    assert {name for one in SERVICES.values() for name in one.get("secrets", [])} == set(told)
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert "/docker/secrets/" in ignored
    assert all(one == {"file": f"./secrets/{name}"} for name, one in told.items())
    for name, one in SERVICES.items():
        for variable, value in one.get("environment", {}).items():
            if re.search("TOKEN|PASSWORD|SECRET", variable):
                assert value.startswith("/run/secrets/"), f"{name}: {variable} must be a file"
                assert value.removeprefix("/run/secrets/") in one["secrets"], f"{name}: {variable}"


def test_nothing_is_waited_for_that_cannot_say_it_is_healthy() -> None:
    waits = [(name, other, how) for name, one in SERVICES.items() for other, how in one.get("depends_on", {}).items()]
    assert ("service", "postgres", {"condition": "service_healthy"}) in waits and len(waits) == 3
    for _, other, how in waits:
        assert how == {"condition": "service_healthy"}
        checks = SERVICES[other].get("healthcheck")
        image = "worker" if other.startswith("ray") else None
        assert checks or (image and parse(ROOT / "docker" / f"{image}.Dockerfile").final.of("HEALTHCHECK")), other


def test_the_service_is_told_nothing_that_it_does_not_understand() -> None:
    names = [name for name in SERVICES["service"]["environment"] if name.startswith("SPARSEARCH_")]
    entrypoint = (ROOT / "docker" / "entrypoint.sh").read_text()
    for name in names:
        known = name.removeprefix("SPARSEARCH_").lower() in Settings.model_fields
        assert known or f"${{{name}:-}}" in entrypoint, name


def test_the_database_that_the_service_uses_is_the_one_that_is_made_and_its_url_holds_no_password() -> None:
    url = urlsplit(SERVICES["service"]["environment"]["SPARSEARCH_DATABASE"])
    made = SERVICES["postgres"]["environment"]
    assert url.scheme == "postgresql" and url.password is None
    assert (url.hostname, url.username, url.path) == ("postgres", made["POSTGRES_USER"], f"/{made['POSTGRES_DB']}")
    check = SERVICES["postgres"]["healthcheck"]["test"]
    assert f"--username={made['POSTGRES_USER']}" in check and f"--dbname={made['POSTGRES_DB']}" in check


def test_everyone_meets_at_the_head_of_the_cluster_with_the_same_token() -> None:
    from ray.scripts.scripts import start

    head = SERVICES["ray-head"]["command"]
    assert head[:3] == ["ray", "start", "--head"] and "--block" in head and "--include-dashboard=false" in head
    known = {name for parameter in start.params for name in parameter.opts}
    assert {word.partition("=")[0] for word in head[2:]} <= known
    (port,) = (word.partition("=")[2] for word in head if word.startswith("--port="))
    for name in OURS:
        environment = SERVICES[name]["environment"]
        assert environment["RAY_ADDRESS"] == f"ray-head:{port}", name
        assert (
            environment["RAY_AUTH_MODE"] == "token" and environment["RAY_AUTH_TOKEN_PATH"] == "/run/secrets/ray_token"
        )


def test_volumes_are_declared_and_the_workers_only_read_them() -> None:
    mounts = {name: [mount.split(":") for mount in one.get("volumes", [])] for name, one in SERVICES.items()}
    named = {mount[0] for found in mounts.values() for mount in found if not mount[0].startswith(".")}
    assert named == set(COMPOSE["volumes"])
    home = parse(ROOT / "docker" / "service.Dockerfile").final.environment["SPARSEARCH_HOME"]
    assert ["state", home] in mounts["service"] and ["state", home, "ro"] in mounts["ray-worker"]
    assert all(mount[-1] == "ro" for mount in mounts["ray-worker"])
    # a checkpoint must be found under the same path by whoever evaluates it
    assert [mount[1] for mount in mounts["service"]] == [mount[1] for mount in mounts["ray-worker"]]


@pytest.mark.parametrize("name", OURS)
def test_our_containers_have_no_privileges_and_reap_what_they_start(name: str) -> None:
    one = SERVICES[name]
    assert one["cap_drop"] == ["ALL"] and one["init"] is True and one["security_opt"] == ["no-new-privileges:true"]
    assert "user" not in one  # the image's own, which is not root
