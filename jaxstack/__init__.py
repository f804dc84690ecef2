"""jaxstack: learning to play multi-follower Bayesian Stackelberg games, simulated and solved in JAX.

```python
import jax, jaxstack as js

game, types = js.scenarios.random_game(seed=0)
table = js.enumerate_regions(game)
best = js.solve(game, types)
curve = js.simulate(jax.random.key(0), game, types, js.learners.region_ucb(), horizon=10_000, num_runs=200)
```
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # all that is public is loaded on first use: importing the package takes no time
    from jaxstack import bounds, data, learners, plots, scenarios, solvers, strategies
    from jaxstack import comparison as comparison
    from jaxstack import exports as exports
    from jaxstack import regions as regions
    from jaxstack import regret as regret
    from jaxstack import results as results
    from jaxstack import simulation as simulation
    from jaxstack import sweeps as sweeps
    from jaxstack import value as value
    from jaxstack.comparison import compare
    from jaxstack.data import Deployment, FittedTypes, Log, advise, deploy, fit_types, log_of, read_log
    from jaxstack.distributions import IndependentTypes, JointTypes, MixtureTypes, sample_types
    from jaxstack.exports.curves import results_table
    from jaxstack.game import Game, best_responses, stack, unstack
    from jaxstack.learner_check import check_learner
    from jaxstack.learners.posterior.reading import posterior
    from jaxstack.payoffs import AnonymousPayoff, SeparablePayoff, TabularPayoff
    from jaxstack.programs import cache_programs
    from jaxstack.regions import RegionTable, enumerate_regions
    from jaxstack.regret import RegretCurve, growth_exponent, paired_difference
    from jaxstack.scenarios.files import load_game, save_game
    from jaxstack.sequences import SequenceTypes
    from jaxstack.simulation import play
    from jaxstack.simulation.simulate import simulate
    from jaxstack.solvers import baselines, solve
    from jaxstack.sweeps.load import load_results, paired_differences
    from jaxstack.sweeps.run import run_sweep
    from jaxstack.typed_payoffs import TypedPayoff
    from jaxstack.value import expected_utility

__version__ = "0.2.0"

_PUBLIC = {
    "AnonymousPayoff": ("jaxstack.payoffs", "AnonymousPayoff"),
    "Deployment": ("jaxstack.data", "Deployment"),
    "FittedTypes": ("jaxstack.data", "FittedTypes"),
    "Game": ("jaxstack.game", "Game"),
    "IndependentTypes": ("jaxstack.distributions", "IndependentTypes"),
    "JointTypes": ("jaxstack.distributions", "JointTypes"),
    "Log": ("jaxstack.data", "Log"),
    "MixtureTypes": ("jaxstack.distributions", "MixtureTypes"),
    "RegionTable": ("jaxstack.regions", "RegionTable"),
    "RegretCurve": ("jaxstack.regret", "RegretCurve"),
    "SeparablePayoff": ("jaxstack.payoffs", "SeparablePayoff"),
    "SequenceTypes": ("jaxstack.sequences", "SequenceTypes"),
    "TabularPayoff": ("jaxstack.payoffs", "TabularPayoff"),
    "TypedPayoff": ("jaxstack.typed_payoffs", "TypedPayoff"),
    "advise": ("jaxstack.data", "advise"),
    "best_responses": ("jaxstack.game", "best_responses"),
    "baselines": ("jaxstack.solvers", "baselines"),
    "bounds": ("jaxstack.bounds", None),
    "cache_programs": ("jaxstack.programs", "cache_programs"),
    "check_learner": ("jaxstack.learner_check", "check_learner"),
    "data": ("jaxstack.data", None),
    "deploy": ("jaxstack.data", "deploy"),
    "compare": ("jaxstack.comparison", "compare"),
    "enumerate_regions": ("jaxstack.regions", "enumerate_regions"),
    "expected_utility": ("jaxstack.value", "expected_utility"),
    "fit_types": ("jaxstack.data", "fit_types"),
    "growth_exponent": ("jaxstack.regret", "growth_exponent"),
    "learners": ("jaxstack.learners", None),
    "load_game": ("jaxstack.scenarios.files", "load_game"),
    "load_game_file": ("jaxstack.scenarios.files", "load_game_file"),
    "load_results": ("jaxstack.sweeps.load", "load_results"),
    "log_of": ("jaxstack.data", "log_of"),
    "paired_difference": ("jaxstack.regret", "paired_difference"),
    "paired_differences": ("jaxstack.sweeps.load", "paired_differences"),
    "play": ("jaxstack.simulation", "play"),
    "plots": ("jaxstack.plots", None),
    "posterior": ("jaxstack.learners.posterior.reading", "posterior"),
    "read_log": ("jaxstack.data", "read_log"),
    "results_table": ("jaxstack.exports.curves", "results_table"),
    "run_sweep": ("jaxstack.sweeps.run", "run_sweep"),
    "sample_types": ("jaxstack.distributions", "sample_types"),
    "save_game": ("jaxstack.scenarios.files", "save_game"),
    "scenarios": ("jaxstack.scenarios", None),
    "simulate": ("jaxstack.simulation", "simulate"),
    "solve": ("jaxstack.solvers", "solve"),
    "solvers": ("jaxstack.solvers", None),
    "stack": ("jaxstack.game", "stack"),
    "unstack": ("jaxstack.game", "unstack"),
}

__all__ = [
    "AnonymousPayoff",
    "Deployment",
    "FittedTypes",
    "Game",
    "IndependentTypes",
    "JointTypes",
    "Log",
    "MixtureTypes",
    "RegionTable",
    "RegretCurve",
    "SeparablePayoff",
    "SequenceTypes",
    "TabularPayoff",
    "TypedPayoff",
    "advise",
    "baselines",
    "best_responses",
    "bounds",
    "cache_programs",
    "check_learner",
    "compare",
    "data",
    "deploy",
    "enumerate_regions",
    "expected_utility",
    "fit_types",
    "growth_exponent",
    "learners",
    "load_game",
    "load_game_file",
    "load_results",
    "log_of",
    "paired_difference",
    "paired_differences",
    "play",
    "plots",
    "posterior",
    "read_log",
    "results_table",
    "run_sweep",
    "sample_types",
    "save_game",
    "scenarios",
    "simulate",
    "solve",
    "solvers",
    "stack",
    "strategies",
    "unstack",
]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        module, attribute = _PUBLIC[name]
    elif not name.startswith("_") and importlib.util.find_spec(f"{__name__}.{name}") is not None:
        module, attribute = f"{__name__}.{name}", None  # a module, imported when it is named
    else:
        raise AttributeError(f"module 'jaxstack' has no attribute {name!r}")
    loaded = importlib.import_module(module)
    return loaded if attribute is None else getattr(loaded, attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC, *__all__})
