"""`[run]`: how long, how often, who plays."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from jaxstack import learners
from jaxstack.sweeps.spec.axes import Table

Ties = Literal["optimistic", "robust"]


class RunSettings(Table):
    """`[run]`: how long, how often, who plays. `horizon`, `runs`, `seed`, `ties` and `table` may
    be axes.

    Attributes:
      horizon: T, rounds of a run.
      runs: S, independent runs of every game.
      seed: of the followers' types and the learners' choices; the games have seeds of their own.
      learners: names, see `jaxstack.learners`; `[[learner]]` tables replace them.
      ties: tie rule of every scenario that does not state its own.
      table: whether games are played with a table of their regions: true, or fail; false, without one, by
        learners that can; default with one where it is soon made (`jaxstack.simulation.tables`).
      checkpoints: rounds at which regret is recorded; default 64, evenly spaced on a logarithmic axis. Those
        after the horizon are left out, and the horizon is always one.
      keep_runs: keep the curve of every run, not only moments, quantiles and final regret.
      skip_ahead: jump over rounds that cannot change the choice (erm_joint, erm_product; see `simulate`).
      batch_size: runs held in memory at once; default as many as fit.
      record: keep what learners tell of themselves (`Learner.info`) at the checkpoints.
    """

    never_axes = frozenset(
        {"zip", "learners", "checkpoints", "keep_runs", "skip_ahead", "batch_size", "record"}
    )

    horizon: int = Field(default=10_000, ge=1)
    runs: int = Field(default=200, ge=1, lt=2**31)
    seed: int = Field(default=0, ge=0, lt=2**32)
    learners: list[str] = Field(
        default_factory=lambda: ["erm_joint", "erm_product", "region_ucb", "oful"], min_length=1
    )
    ties: Ties = "optimistic"
    table: bool | None = None
    checkpoints: list[Annotated[int, Field(ge=1)]] | None = Field(default=None, min_length=1)
    keep_runs: bool = True
    skip_ahead: bool = False
    batch_size: int | None = Field(default=None, ge=1)
    record: bool = False

    @field_validator("learners")
    @classmethod
    def _known(cls, names: list[str]) -> list[str]:
        for name in names:
            learners.by_name(name)
        if len(set(names)) < len(names):
            raise ValueError(f"a learner is named twice: {', '.join(names)}.")
        return names

    @property
    def longest(self) -> int:
        """The (largest) horizon."""
        return max(self.lists().get("horizon", (self.horizon,)))
