"""Games to play: seeded random ones, two lower-bound families, coverage games, six worked examples, and files."""

from jaxstack.scenarios.audit import audit
from jaxstack.scenarios.coverage import coverage_game, patrols, random_coverage_game
from jaxstack.scenarios.files import (
    GameFile,
    convert_game,
    from_dataset,
    from_frame,
    load_game,
    load_game_file,
    save_game,
    to_dataset,
    to_frame,
)
from jaxstack.scenarios.hard import hard_game
from jaxstack.scenarios.moving_target import moving_target
from jaxstack.scenarios.museum import museum_patrol
from jaxstack.scenarios.parity import hidden_parity
from jaxstack.scenarios.platform import feature_mix
from jaxstack.scenarios.random import random_game
from jaxstack.scenarios.security import security_patrol
from jaxstack.scenarios.toll import toll_pricing

__all__ = [
    "GameFile",
    "audit",
    "convert_game",
    "coverage_game",
    "feature_mix",
    "from_dataset",
    "from_frame",
    "hard_game",
    "hidden_parity",
    "load_game",
    "load_game_file",
    "moving_target",
    "museum_patrol",
    "patrols",
    "random_coverage_game",
    "random_game",
    "save_game",
    "security_patrol",
    "to_dataset",
    "to_frame",
    "toll_pricing",
]
