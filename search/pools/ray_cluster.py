"""The Ray instance a pool runs on: the one of `RAY_ADDRESS`, the one this process has, or a small one of its own."""

import logging
import os
import threading
from pathlib import Path
from typing import Any

import psutil

from search.errors import EvaluationError, ExecutorError

SHUTDOWN_S = 25.0
"""How long what is left of a lost instance may take to go down."""

_ROOT = Path(__file__).resolve().parents[2]
_DAEMONS = ("raylet", "gcs_server")
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # a busy machine needs longer than the default 20 s
    "RAY_gcs_server_port_wait_time_s": "90",
}


class Cluster:
    """Starts Ray at first use, and stops it if it started it.

    A local instance has no dashboard and refuses whoever lacks this user's token (the default of Ray 2.59 and later;
    asking for it in the environment would come too late where ray was imported before).

    Args:
        cpus, gpus: size of a local instance.
    """

    def __init__(self, cpus: int, gpus: int) -> None:
        self._cpus = cpus
        self._gpus = gpus
        self._owned = False
        self._daemons: list[psutil.Process] = []
        self.running = False

    @property
    def local(self) -> bool:
        """Whether it runs on this machine alone, as children of this process."""
        return bool(self._daemons)

    @property
    def lost(self) -> bool:
        """Whether a daemon of a local instance is gone. When a remote one is, Ray ends this process after a minute."""
        return self.running and not all(map(_alive, self._daemons))

    def start(self) -> Any:
        """The module `ray`, initialised.

        Raises:
            EvaluationError: Ray cannot be started or joined.
        """
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        import ray

        if self.running and ray.is_initialized():
            return ray
        if not ray.is_initialized():
            paths = [str(_ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
            common: dict[str, Any] = {
                "log_to_driver": False,
                "logging_level": logging.ERROR,
                "namespace": "sparsearch",
                "runtime_env": {"env_vars": {"PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}},
            }
            address = os.environ.get("RAY_ADDRESS")
            if not address:
                common |= {
                    "address": "local",
                    "num_cpus": self._cpus,
                    "num_gpus": self._gpus,
                    "include_dashboard": False,
                }
            try:
                ray.init(**common)
            except Exception as error:  # Ray raises whatever its parts raise
                where = f"at RAY_ADDRESS={address}" if address else "on this machine"
                raise EvaluationError(f"Ray cannot be used {where}: {error}; check address and memory") from error
            self._owned = True
        self._daemons = [child for child in psutil.Process().children() if _name(child) in _DAEMONS]
        self.running = True
        return ray

    def restart(self) -> Any:
        """A new instance in place of a lost one; returns the module `ray`.

        Raises:
            ExecutorError: the old one is not ours to replace, does not go down, or no new one starts.
        """
        if not self._owned:
            raise ExecutorError("Ray is lost, and it was not started here; start it again")
        down = threading.Thread(target=self.stop, name="ray-shutdown", daemon=True)
        down.start()
        down.join(SHUTDOWN_S)
        if down.is_alive():
            raise ExecutorError(f"Ray is lost, and what is left of it does not end within {SHUTDOWN_S:g} s")
        try:
            return self.start()
        except EvaluationError as error:
            raise ExecutorError(f"Ray is lost: {error}") from error

    def stop(self) -> None:
        """End what `start` began; may be called twice."""
        self.running = False
        self._daemons = []
        if self._owned:
            import ray

            self._owned = False  # whatever comes of it: a shutdown that hangs is not waited for twice
            ray.shutdown()


def _alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.NoSuchProcess:
        return ""
