"""Sweeps that a file describes: which games, which learners, how long and how often; results that last."""

from jaxstack.sweeps.cells import Cell, Plan, plan
from jaxstack.sweeps.load import load_results, paired_differences
from jaxstack.sweeps.run import compute_cell, run_plan, run_sweep
from jaxstack.sweeps.spec import (
    LearnerSettings,
    Problem,
    RunSettings,
    Scenario,
    Spec,
    default_spec,
    load_spec,
    spec_of_game_file,
)

__all__ = [
    "Cell",
    "LearnerSettings",
    "Plan",
    "Problem",
    "RunSettings",
    "Scenario",
    "Spec",
    "compute_cell",
    "default_spec",
    "load_results",
    "load_spec",
    "paired_differences",
    "plan",
    "run_plan",
    "run_sweep",
    "spec_of_game_file",
]
