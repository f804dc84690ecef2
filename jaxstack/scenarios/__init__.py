"""Games to play: random ones, the lower-bound family, coverage games, three worked examples, and files."""

from jaxstack.scenarios.coverage import coverage_game, patrols, random_coverage_game
from jaxstack.scenarios.files import GameFile, load_game, load_game_file, save_game
from jaxstack.scenarios.hard import hard_game
from jaxstack.scenarios.platform import feature_mix
from jaxstack.scenarios.random import random_game
from jaxstack.scenarios.security import security_patrol
from jaxstack.scenarios.toll import toll_pricing

__all__ = [
    "GameFile",
    "coverage_game",
    "feature_mix",
    "hard_game",
    "load_game",
    "load_game_file",
    "patrols",
    "random_coverage_game",
    "random_game",
    "save_game",
    "security_patrol",
    "toll_pricing",
]
