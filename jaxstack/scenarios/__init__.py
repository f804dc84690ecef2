"""Games to play: seeded random ones, two lower-bound families, three worked examples, and files."""

from jaxstack.scenarios.files import GameFile, load_game, load_game_file, save_game
from jaxstack.scenarios.hard import hard_game
from jaxstack.scenarios.parity import hidden_parity
from jaxstack.scenarios.platform import feature_mix
from jaxstack.scenarios.random import random_game
from jaxstack.scenarios.security import security_patrol
from jaxstack.scenarios.toll import toll_pricing

__all__ = [
    "GameFile",
    "feature_mix",
    "hard_game",
    "hidden_parity",
    "load_game",
    "load_game_file",
    "random_game",
    "save_game",
    "security_patrol",
    "toll_pricing",
]
