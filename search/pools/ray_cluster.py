"""The Ray instance a pool runs on: the one of `RAY_ADDRESS`, the one this process has, or a small one of its own."""

import logging
import os
from pathlib import Path
from typing import Any

from search.errors import EvaluationError

_ROOT = Path(__file__).resolve().parents[2]
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
        self.running = False

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
        self.running = True
        return ray

    def stop(self) -> None:
        """End what `start` began; may be called twice."""
        self.running = False
        if self._owned:
            import ray

            self._owned = False
            ray.shutdown()
