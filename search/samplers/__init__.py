"""Samplers: who proposes the next plans. One protocol, one table."""

from search.samplers.evolution import Evolution
from search.samplers.evolution_published import EvolutionPublished
from search.samplers.exhaustive import Exhaustive
from search.samplers.optuna_study import gp, nsga2, tpe, uniform
from search.samplers.protocol import Builder, Problem, Result, Sampler

__all__ = ["SAMPLERS", "Builder", "Problem", "Result", "Sampler"]

SAMPLERS: dict[str, Builder] = {
    "evolution": Evolution,
    "evolution-published": EvolutionPublished,
    "exhaustive": Exhaustive,
    "gp": gp,
    "nsga2": nsga2,
    "random": uniform,
    "tpe": tpe,
}
"""A builder per name, called with the problem and a seed."""
