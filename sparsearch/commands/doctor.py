"""`sparsearch doctor`: one report to paste into an issue; says what is missing and how to get it."""

import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import typer

from search.home import Home
from sparsearch.client import ClientError
from sparsearch.command import add
from sparsearch.failures import message_of
from sparsearch.options import AsJson
from sparsearch.remote.connect import Server, TokenFile, connect

_PACKAGES = (
    "sparsearch", "torch", "torchvision", "mmcv-full", "mmdet", "ray", "optuna", "sqlalchemy", "alembic",
    "numpy", "scipy", "pandas", "pycocotools", "safetensors", "torchpack", "mpi4py", "typer", "rich",
)  # fmt: skip
_VARIABLES = (
    "SPARSEARCH_HOME",
    "SPARSEARCH_SERVER",
    "RAY_ADDRESS",
    "CUDA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "MALLOC_MMAP_MAX_",
    "MALLOC_TRIM_THRESHOLD_",
    "LD_PRELOAD",
)


def doctor(server: Server = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """Versions, devices, environment, store, targets, and the programs that some commands need; a service."""
    report: dict[str, Any] = {
        "system": _system(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "devices": _devices(),
        "environment": {name: os.environ.get(name) for name in _VARIABLES},
        "programs": {name: shutil.which(name) for name in ("g++", "mpirun", "git", "nvidia-smi")},
        "store": _store(),
        "targets": _targets(),
    }
    if server:
        report["service"] = _service(server, token_file)
    report["advice"] = _advice(report)
    if as_json:
        print(json.dumps(report))
        return
    for section, facts in report.items():
        print(f"## {section}")
        for name, value in facts.items() if isinstance(facts, dict) else enumerate(facts, 1):
            print(f"{name}: {'-' if value is None else value}")
        print()


def _system() -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": f"{memory:.1f} GiB",
        "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _devices() -> dict[str, Any]:
    found: dict[str, Any] = {"cpu": _processor()}
    # torch in a process of its own: a broken driver must not take the report down with it
    code = (
        "import torch\nfor i in range(torch.cuda.device_count()):\n"
        " p = torch.cuda.get_device_properties(i); print(f'cuda:{i}\\t{p.name}, {p.total_memory / 2**30:.0f} GiB')"
    )
    if importlib.util.find_spec("torch") is None:
        return {**found, "gpu": "unknown: torch is not installed"}
    try:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        return {**found, "gpu": "unknown: torch did not answer in two minutes"}
    if done.returncode:
        return {**found, "gpu": f"unknown: {done.stderr.strip().splitlines()[-1:] or done.returncode}"}
    found.update(dict(line.split("\t") for line in done.stdout.splitlines()))
    return found


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or "unknown"


def _store() -> dict[str, Any]:
    home = Home.default()
    facts: dict[str, Any] = {"home": str(home.path), "database": str(home.database)}
    try:
        from search.store.store import Store

        with Store.read(home.database) as store:
            searches = store.searches(limit=1000)
        facts["searches"] = len(searches)
        facts["unfinished"] = sum(not row.terminal for row in searches)
    except Exception as error:  # a report must not fail on what it reports
        facts["problem"] = message_of(error)
    return facts


def _targets() -> dict[str, Any]:
    from search.targets import targets

    facts: dict[str, Any] = {}
    try:
        known = targets(Home.default())
    except Exception as error:
        return {"problem": message_of(error)}
    for name, target in known.items():
        try:
            target.check()
            facts[name] = "ok"
        except Exception as error:
            facts[name] = message_of(error)
    return facts


def _service(server: str, token_file: Path | None) -> dict[str, Any]:
    facts: dict[str, Any] = {"url": server, "reachable": False}
    try:
        with connect(server, token_file) as client:
            facts["version"] = client.version().version
            facts["reachable"] = True
            facts["ready"] = client.ready()
            facts["targets"] = ", ".join(target.name for target in client.targets())
    except ClientError as error:
        facts["problem"] = message_of(error)
    return facts


def _advice(report: dict[str, Any]) -> list[str]:
    advice = []
    missing = [name for name in ("torch", "mmcv-full", "mmdet", "ray") if report["packages"][name] is None]
    if missing:
        advice.append(f"not installed: {', '.join(missing)}; run make setup")
    if report["programs"]["mpirun"] is None:
        advice.append("no mpirun: torchpack dist-run and --launcher mpi need it (Debian: apt install openmpi-bin)")
    if report["programs"]["g++"] is None:
        advice.append("no g++: building mmcv-full and --runtime compile on a CPU need it (Debian: apt install g++)")
    if os.getloadavg()[0] > 0.5 * len(os.sched_getaffinity(0)):
        advice.append("this machine is busy: latencies measured now have wide intervals")
    if "problem" in report["store"]:
        advice.append(str(report["store"]["problem"]))
    service = report.get("service", {})
    if "problem" in service:
        advice.append(f"service: {service['problem']}")
    elif service and service["version"] != report["packages"]["sparsearch"]:
        advice.append(f"the service runs version {service['version']}, this is {report['packages']['sparsearch']}")
    return advice or ["nothing is missing"]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    add(app, doctor)
