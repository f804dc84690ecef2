"""Runs that a file describes: which games, which learners, how long and how often."""

from jaxstack.sweeps.spec import (
    Problem,
    RunSettings,
    Scenario,
    Spec,
    default_spec,
    load_spec,
    spec_of_game_file,
)

__all__ = ["Problem", "RunSettings", "Scenario", "Spec", "default_spec", "load_spec", "spec_of_game_file"]
