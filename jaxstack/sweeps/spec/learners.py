"""`[[learner]]`: who plays, with which hyperparameters."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Self

import jax
from pydantic import Field, PrivateAttr, ValidationInfo, field_validator, model_validator

from jaxstack import checks, learners, simulation
from jaxstack.checks import did_you_mean
from jaxstack.distributions import IndependentTypes, TypeDistribution
from jaxstack.game import Game
from jaxstack.learners import Learner
from jaxstack.learners.outside import Offer, given
from jaxstack.scenarios.random import random_game
from jaxstack.sweeps.spec.axes import Table, some


def hyperparameters(learner: Learner) -> Mapping[str, float | None]:
    """A learner's hyperparameters and their defaults; None where these depend on game or horizon."""
    smallest = _smallest_defaults(learner)
    if not smallest:
        return {}
    other = _defaults(learner, *random_game(0, 2, 2, 2, 2, "separable", "independent"), 1000)
    return {name: value if other[name] == value else None for name, value in smallest.items()}


@functools.lru_cache(maxsize=64)
def _smallest_defaults(learner: Learner) -> Mapping[str, float]:
    """Names of a learner's hyperparameters, and their defaults for a game of one action each."""
    return _defaults(learner, Game([[0.0]], [[[[0.0]]]]), IndependentTypes([[1.0]]), 1)


def _defaults(learner: Learner, game: Game, types: TypeDistribution, horizon: int) -> dict[str, float]:
    setup = simulation.prepare(
        jax.random.key(0), game, types, learner, horizon=horizon, table=None, hparams=None
    )
    return {name: float(value) for name, value in setup.inputs.hparams._asdict().items()}


class LearnerSettings(Table):
    """`[[learner]]`: one that plays, with hyperparameters by name; each may be an axis.

    Attributes:
      name: see `jaxstack.learners`. One that a caller has offered is kept with these settings.
      label: as in tables and datasets; default the name.
      skip_ahead: as in `[run]`, for this learner.
      hparams: hyperparameters that are not at their default; in the file they stand beside `name`.
    """

    name: str
    label: str | None = Field(default=None, min_length=1, max_length=80)
    skip_ahead: bool | None = None
    hparams: dict[str, Any] = Field(default_factory=dict)

    _offer: Offer | None = PrivateAttr(default=None)  # None: every process finds the learner by its name

    never_axes = frozenset({"zip", "name", "label", "skip_ahead", "hparams"})

    @model_validator(mode="before")
    @classmethod
    def _gather_hyperparameters(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        known = set(cls.model_fields)
        if not isinstance(content.get("hparams", {}), dict):
            raise ValueError(
                f"key 'hparams': is a table of hyperparameters by name, which in a file stand beside `name` "
                f"(radius_scale = 0.5), but {checks.brief(content['hparams'])} arrived."
            )
        return {key: value for key, value in content.items() if key in known} | {
            "hparams": content.get("hparams", {})
            | {key: value for key, value in content.items() if key not in known}
        }

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        return learners.by_name(name).name

    @field_validator("hparams")
    @classmethod
    def _numbers(cls, hparams: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "name" not in info.data:
            return hparams  # told already
        name, numbers = info.data["name"], {}
        known = tuple(_smallest_defaults(learners.by_name(name))) if hparams else ()
        for key, value in hparams.items():
            if key not in known:
                raise ValueError(
                    f"unknown key {key!r}.{did_you_mean(key, [*cls.model_fields, *known])} "
                    f"Hyperparameters of {name}: {', '.join(known) or 'none'}."
                )
            is_list = isinstance(value, list | tuple)
            for each in some(value, f"hyperparameter {key!r}") if is_list else [value]:
                checks.finite_number(f"hyperparameter {key!r}", each)
            numbers[key] = tuple(map(float, value)) if is_list else float(value)
        return numbers

    def model_post_init(self, context: Any) -> None:
        self._offer = given().get(self.name)

    @property
    def offer(self) -> Offer | None:
        """The learner that was offered under this name when these settings were made, if one was."""
        return self._offer

    def player(self) -> Learner:
        """The learner, as this process has it."""
        return learners.by_name(self.name) if self._offer is None else self._offer.learner

    @property
    def title(self) -> str:
        """The label, or else the name."""
        return self.label or self.name

    def lists(self) -> dict[str, tuple[Any, ...]]:
        return {key: value for key, value in self.hparams.items() if isinstance(value, tuple)}

    def at(self, values: dict[str, Any]) -> Self:
        return self.model_copy(update={"hparams": self.hparams | values, "zip": []})

    def content(self) -> dict[str, Any]:
        content = super().content()
        hparams = content.pop("hparams")
        return content | {key: list(v) if isinstance(v, tuple) else v for key, v in hparams.items()}
