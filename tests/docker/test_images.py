"""The images: what their Dockerfiles name exists, they run without root or secrets, and start what there is."""

import fnmatch
import importlib.util
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from api.app import ROUTERS
from api.settings import Settings
from sparsearch.cli import app as command_line
from tests.docker.dockerfile import Dockerfile, Instruction, parse

ROOT = Path(__file__).resolve().parents[2]
SERVICE, WORKER = ROOT / "docker" / "service.Dockerfile", ROOT / "docker" / "worker.Dockerfile"
BOTH = pytest.mark.parametrize("path", [SERVICE, WORKER], ids=["service", "worker"])
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def ignored(path: str) -> bool:
    """Whether .dockerignore keeps a path from the builder; the last rule that matches it or a folder above decides."""
    found = False
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    parts = path.split("/")
    above = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    for rule in rules:
        pattern = rule.lstrip("!").removeprefix("**/")
        names = above if "**/" not in rule else [one.rpartition("/")[2] for one in above]
        if any(fnmatch.fnmatchcase(name, pattern) for name in names):
            found = not rule.startswith("!")
    return found


def copies(file: Dockerfile) -> list[Instruction]:
    """What is copied from the folder of the build."""
    return [one for stage in file.stages for one in stage.of("COPY") if "from" not in one.flags]


@BOTH
def test_everything_that_is_copied_exists_and_reaches_the_builder(path: Path) -> None:
    sources = [source for one in copies(parse(path)) for source in one.arguments[:-1]]
    assert len(sources) > 10
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    for source in sources:
        assert (ROOT / source).exists(), source
        assert not ignored(source.rstrip("/")), f"{source} is in .dockerignore"
        assert source in tracked or any(name.startswith(source) for name in tracked), f"{source} is not in git"


def test_what_is_private_or_large_does_not_reach_the_builder() -> None:
    for path in (
        ".git",
        ".venv",
        "data/x",
        "docker/secrets/service_token",
        "api/__pycache__/app.pyc",
        "tests/x.py",
        "runs",
    ):
        assert ignored(path), path
    for path in ("models/zoo.py", "api/pages/static/x.js", "docker/entrypoint.sh", "requirements.lock"):
        assert not ignored(path), path


@BOTH
def test_every_package_of_the_project_is_in_the_image(path: Path) -> None:
    packages = {name.rstrip("*") for name in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]}
    targets = {one.arguments[-1].rstrip("/") for one in parse(path).final.of("COPY")}
    assert packages <= targets


@BOTH
def test_the_base_is_one_release_of_debian_with_a_python_that_the_project_takes(path: Path) -> None:
    file = parse(path)
    assert re.fullmatch(r"debian:12\.\d+-slim", file.arguments["BASE"])  # its Python is 3.11
    assert {stage.base for stage in file.stages} == {"${BASE}"}
    assert PROJECT["project"]["requires-python"] == ">=3.11,<3.13"
    assert file.arguments["VARIANT"] == "cpu"


@BOTH
def test_packages_come_from_the_lock_alone_by_the_steps_of_the_set_up(path: Path) -> None:
    file = parse(path)
    runs = [one.rest for stage in file.stages for one in stage.of("RUN")]
    assert not [run for run in runs if re.search(r"\bpip3? |\bcurl |\bwget |--extra-index", run)]
    build = file.stages[0]
    assert build.last("RUN").rest == "python3 -m scripts.setup_env"
    assert importlib.util.find_spec("scripts.setup_env") is not None
    assert "requirements.lock" in build.of("COPY")[0].arguments
    kept = {one.arguments[0]: one.arguments[1] for one in file.final.of("COPY") if one.flags.get("from") == build.name}
    # environments hold absolute paths: both folders stay where they were made
    cache, work = build.environment["SPARSEARCH_CACHE"], build.last("WORKDIR").rest
    assert kept == {f"{cache}/envs": f"{cache}/envs", f"{work}/.venv": ".venv"}
    assert file.final.last("WORKDIR").rest == work


def test_both_images_are_the_same_up_to_the_code_and_at_the_same_paths() -> None:
    service, worker = parse(SERVICE), parse(WORKER)
    assert service.stages[0] == worker.stages[0] and service.arguments == worker.arguments
    shared = [one for one in worker.final.instructions if one.word in ("RUN", "COPY", "WORKDIR")]
    assert service.final.instructions[: len(shared)] == shared == worker.final.instructions[: len(shared)]
    assert service.final.environment["PATH"] == worker.final.environment["PATH"]


@BOTH
def test_the_image_runs_as_an_ordinary_user_without_a_shell_or_a_compiler(path: Path) -> None:
    final = parse(path).final
    user, group = final.last("USER").rest.split(":")
    assert int(user) >= 10000 and int(group) >= 10000
    made = next(one.rest for one in final.of("RUN") if "useradd" in one.rest)
    assert f"--uid {user}" in made and f"--gid {group}" in made and "/usr/sbin/nologin" in made
    assert "build-essential" not in made and "python3-dev" not in made
    after = final.instructions[final.instructions.index(final.last("USER")) :]
    assert not [one for one in after if one.word in ("RUN", "COPY")]


@BOTH
def test_no_secret_is_part_of_the_image(path: Path) -> None:
    file = parse(path)
    names = [*file.arguments, *(name for stage in file.stages for name in stage.environment)]
    assert not [name for name in names if re.search("TOKEN|SECRET|PASSWORD|KEY|CREDENTIAL", name)]
    assert not [one for one in copies(file) if any("secret" in source for source in one.arguments)]


def test_the_service_listens_where_it_is_exposed_and_its_health_check_asks_a_route_there() -> None:
    final = parse(SERVICE).final
    settings = {
        name.removeprefix("SPARSEARCH_").lower() for name in final.environment if name.startswith("SPARSEARCH_")
    }
    assert settings <= set(Settings.model_fields)
    port = final.environment["SPARSEARCH_PORT"]
    assert final.last("EXPOSE").rest == port == str(Settings.model_fields["port"].default)
    assert final.last("VOLUME").rest == final.environment["SPARSEARCH_HOME"] == final.environment["HOME"]
    (address,) = re.findall(r"http://127\.0\.0\.1:(\d+)(/\w+)", final.last("HEALTHCHECK").rest)
    assert address[0] == port
    assert address[1] in {getattr(route, "path", None) for router in ROUTERS for route in router.routes}


def test_what_the_service_starts_is_a_command_of_this_project() -> None:
    final = parse(SERVICE).final
    program, command = final.last("CMD").arguments
    assert program in PROJECT["project"]["scripts"]
    assert command in {one.name or one.callback.__name__ for one in command_line.registered_commands if one.callback}
    (entry,) = final.last("ENTRYPOINT").arguments
    copied = next(one for one in final.of("COPY") if one.arguments[0] == "docker/entrypoint.sh")
    assert copied.arguments[1] == f"/usr/local/bin/{entry}" and copied.flags["chmod"] == "0555"


def test_a_worker_is_a_node_of_the_cluster_in_the_foreground() -> None:
    from ray.scripts.scripts import start

    final = parse(WORKER).final
    shell, flag, line = final.last("CMD").arguments
    assert (shell, flag) == ("sh", "-c") and line.startswith("exec ray start ")
    options = re.findall(r"--[a-z-]+", line)
    known = {name for parameter in start.params for name in parameter.opts}
    assert set(options) <= known and {"--address", "--block"} <= set(options)
    assert "RAY_ADDRESS" in final.environment and not final.of("EXPOSE")
