"""What a check of a learner found."""

from __future__ import annotations

import dataclasses

from jaxstack import memory
from jaxstack.regret import RegretCurve


@dataclasses.dataclass(frozen=True, repr=False)
class LearnerReport:
    """What `check_learner` found in a learner that keeps to the contract; prints as a short table.

    Attributes:
      learner, feedback: its name and what it learns from.
      hparams: default hyperparameters in the first game.
      state_bytes: learner state of one run of the first game.
      can_jump: True when `simulate(skip_ahead=True)` plays it.
      checked: what was checked, in order.
      games: the games it was played on.
      curve: its regret in the first game.
      seconds: wall time of the check, compilation included.
    """

    learner: str
    feedback: str
    hparams: dict[str, float]
    state_bytes: int
    can_jump: bool
    checked: tuple[str, ...]
    games: tuple[str, ...]
    curve: RegretCurve
    seconds: float

    def __repr__(self) -> str:
        hparams = ", ".join(f"{name} = {value:.4g}" for name, value in self.hparams.items()) or "none"
        rows = [
            ("feedback", self.feedback),
            ("hyperparameters", hparams),
            ("state of one run", memory.readable(self.state_bytes)),
            ("skip_ahead", "yes" if self.can_jump else "no"),
            (f"regret, T = {self.curve.horizon:,}", f"{self.curve.mean[-1]:.4g}"),
            ("games", "; ".join(self.games)),
        ]
        lines = [f"{self.learner} keeps to the learner contract"]
        lines += [f"  {name:22}{value}" for name, value in rows]
        return "\n".join([*lines, *(f"  ok  {what}" for what in self.checked)])
