"""The TOML file that describes a sweep: `[run]` settings, `[[scenario]]` tables, `[[learner]]` tables.

```toml
[run]
horizon = [1_000, 10_000]  # a list where one value is expected is an axis of the sweep
runs = 200
seed = 0

[[scenario]]
kind = "random"            # random, hard, hidden_parity, coverage, file, or a worked game: security_patrol,
                           # toll_pricing, feature_mix, museum_patrol, audit, moving_target
name = "random games"
games = 8
num_followers = [1, 2, 4]
num_types = [6, 3, 2]
zip = [["num_followers", "num_types"]]  # these lists go hand in hand: one axis of three values

[[scenario]]
kind = "file"
path = "games/patrol.json" # relative to this file

[[learner]]                # or, in [run]: learners = ["erm_joint", "region_ucb"]
name = "region_ucb"
radius_scale = [1.0, 0.1]  # hyperparameters by name

[[learner]]
name = "erm_joint"
skip_ahead = true
```

Every key has a type and a default; an unknown key is an error that suggests the nearest known one.
"""

from jaxstack.sweeps.spec.axes import Axis, Table
from jaxstack.sweeps.spec.learners import LearnerSettings
from jaxstack.sweeps.spec.loading import default_spec, load_spec, parse_spec, spec_of_game_file
from jaxstack.sweeps.spec.run import RunSettings, Ties
from jaxstack.sweeps.spec.scenarios import (
    CoverageScenario,
    FileScenario,
    HardScenario,
    ParityScenario,
    Problem,
    RandomScenario,
    Scenario,
    SequenceScenario,
    WorkedScenario,
)
from jaxstack.sweeps.spec.sweep import MAX_CELLS, Spec

__all__ = [
    "MAX_CELLS",
    "Axis",
    "CoverageScenario",
    "FileScenario",
    "HardScenario",
    "LearnerSettings",
    "ParityScenario",
    "Problem",
    "RandomScenario",
    "RunSettings",
    "Scenario",
    "SequenceScenario",
    "Spec",
    "Table",
    "Ties",
    "WorkedScenario",
    "default_spec",
    "load_spec",
    "parse_spec",
    "spec_of_game_file",
]
