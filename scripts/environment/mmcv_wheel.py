"""mmcv-full as a wheel, compiled once per torch, Python and accelerator, and kept for every later environment."""

import os
import re
import shutil
import tarfile
from pathlib import Path

from scripts.environment.console import Progress, say
from scripts.environment.lock import COMPILED, Lock, wheel_name
from scripts.environment.process import exclusive, run_logged

NINJA = re.compile(r"\s*\[(?P<done>\d+)/(?P<total>\d+)\] ")
"""How ninja counts the files it compiles."""


def kept_wheel(cache: Path, lock: Lock, variant: str) -> Path | None:
    """The wheel of an earlier set-up, if there is one."""
    return next(iter(sorted((cache / "wheels" / wheel_name(lock, variant)).glob("*.whl"))), None)


def compiled_files(line: str) -> str | None:
    """`[12/73] c++ ...` -> `12 of 73 files`; None for other lines."""
    match = NINJA.match(line)
    return f"{match['done']} of {match['total']} files" if match else None


def build_wheel(python: Path, cache: Path, lock: Lock, variant: str, log: Path) -> Path:
    """The wheel of mmcv-full for the packages in `python`'s environment, compiled if no earlier set-up did.

    The source is unpacked into the cache and compiled in place, so that a killed set-up goes on where it stopped.

    Raises:
        SetupError: it did not compile.
    """
    name = wheel_name(lock, variant)
    with exclusive(cache / "locks" / f"{name}.lock", f"the compilation of {COMPILED}") as held:
        wheel = kept_wheel(cache, lock, variant)
        if wheel is not None:
            say(f"{COMPILED} {lock.pins[COMPILED]}: reusing {wheel}")
            return wheel
        jobs = os.environ.get("MAX_JOBS") or str(max(1, len(os.sched_getaffinity(0))))
        say(f"{COMPILED} {lock.pins[COMPILED]}: compiling on {jobs} cores (about 8 core-minutes); log: {log}")
        environment = _compiler_settings(python, variant, jobs)
        work = cache / "build" / name
        source = _source(python, work, lock, environment, log, held)
        # no pip cache: it would hand out a wheel that was compiled against another torch
        command: list[str | Path] = [python, "-m", "pip", "wheel", "-v", "--no-deps", "--no-build-isolation"]
        command += ["--no-cache-dir", "--wheel-dir", work / "out", source]
        with Progress(f"compiling {COMPILED}") as progress:

            def show(line: str) -> None:
                files = compiled_files(line)
                if files:
                    progress.update(files)

            run_logged(command, log, env=environment, keep_fd=held, on_line=show)
        kept = cache / "wheels" / name
        shutil.rmtree(kept, ignore_errors=True)
        kept.parent.mkdir(parents=True, exist_ok=True)
        (work / "out").rename(kept)
        shutil.rmtree(work)
        return next(kept.glob("*.whl"))


def _source(python: Path, work: Path, lock: Lock, environment: dict[str, str], log: Path, held: int) -> Path:
    """The unpacked source release; a half-unpacked one never has the final name."""
    source = work / "source"
    if source.exists():
        say("going on with the compilation that an earlier set-up began")
        return source
    shutil.rmtree(work, ignore_errors=True)
    download = work / "download"
    requirement = f"{COMPILED}=={lock.pins[COMPILED]}"
    command: list[str | Path] = [
        python,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--no-build-isolation",
        "--no-binary",
        COMPILED,
    ]
    run_logged([*command, "--no-cache-dir", "--dest", download, requirement], log, env=environment, keep_fd=held)
    with tarfile.open(next(download.glob("*.tar.gz"))) as archive:
        archive.extractall(work / "unpacked", filter="data")
    next((work / "unpacked").iterdir()).rename(source)
    return source


def _compiler_settings(python: Path, variant: str, jobs: str) -> dict[str, str]:
    settings = {
        "MMCV_WITH_OPS": "1",
        "CFLAGS": f"{os.environ.get('CFLAGS', '')} -g0".strip(),  # debug symbols would make the wheel 20 times as large
        "MAX_JOBS": jobs,
        "PATH": f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}",  # ninja lives beside python
    }
    if variant == "cpu":
        return settings | {"CUDA_VISIBLE_DEVICES": "", "FORCE_CUDA": "0"}
    # headers of the CUDA libraries come with torch's own dependencies, not with every toolkit
    headers = ":".join(
        str(folder) for folder in sorted(python.parents[1].glob("lib/python*/site-packages/nvidia/*/include"))
    )
    return settings | {"FORCE_CUDA": "1", "CPATH": f"{headers}:{os.environ.get('CPATH', '')}".strip(":")}
