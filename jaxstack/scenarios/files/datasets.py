"""Games as xarray datasets: every kind of payoff and of types, told apart by the names of dimensions.

| variable | dimensions | what it is |
|---|---|---|
| `follower_payoff` | follower, type, leader_action, action | without the first two where there is one |
| `leader_payoff` | leader_action, action_1, .., action_n | any payoff of joint actions |
| | leader_action, action_1, .., action_n, type_1, .., type_n | any payoff of joint actions and types |
| | follower, leader_action, action | a sum over followers |
| | follower, type, leader_action, action | a sum over followers that depends on types |
| | leader_action, count_1, .., count_(A-1) | how many followers play actions 1, 2, .. |
| `probability` | follower, type | independent types |
| | type_1, .., type_n | any distribution of joint types |
| | component, follower, type | a mixture; its `weight` has the dimension component |

Coordinates of follower, type, leader_action and action are names; where followers have names of their own,
coordinates `type_name` (follower, type) and `action_name` (follower, action) are. A variable `available`
(follower, type, action) says which actions a type has, if not all. The order of dimensions does not matter.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxstack.distributions import IndependentTypes, JointTypes, MixtureTypes, TypeDistribution
from jaxstack.game import Game
from jaxstack.payoffs import AnonymousPayoff, LeaderPayoff, SeparablePayoff, TabularPayoff
from jaxstack.scenarios.files.document import GameFile, file_of
from jaxstack.scenarios.files.foreign import require_simplex
from jaxstack.sequences import SequenceTypes
from jaxstack.typed_payoffs import TypedPayoff

_AXES = ("follower", "type", "leader_action", "action")
_NAMES = dict(zip(_AXES, ("follower_names", "type_names", "leader_names", "action_names"), strict=True))
_TEXTS = ("title", "description", "source")


def from_dataset(dataset: Any) -> GameFile:
    """The game in an xarray dataset; see `jaxstack.scenarios.files.datasets` for its variables.

    Raises:
      ValueError: no dataset; a variable that is missing, or has other dimensions or sizes.
    """
    if not hasattr(dataset, "data_vars"):
        raise ValueError(f"from_dataset takes an xarray.Dataset, but {type(dataset).__name__} arrived.")
    for name in ("follower_payoff", "leader_payoff"):
        _require(dataset, name)
    follower = dataset["follower_payoff"]
    for axis in ("follower", "type"):
        if axis not in follower.dims:
            follower = follower.expand_dims(axis)
    payoffs = _ordered(follower, [_AXES], "follower_payoff")[1]
    n, num_types, _, num_actions = payoffs.shape
    has = None
    if "available" in dataset.data_vars:
        has = _ordered(dataset["available"], [("follower", "type", "action")], "available")[1].astype(bool)
    game = Game(_leader(dataset["leader_payoff"], n, num_actions), payoffs, available=has)
    labels: dict[str, Any] = {text: dataset.attrs.get(text) for text in _TEXTS}
    for axis, field in _NAMES.items():
        if axis in dataset.coords:
            labels[field] = [str(name) for name in dataset.coords[axis].values]
    for axis, counts in (("type", game.types_by_follower), ("action", game.actions_by_follower)):
        if f"{axis}_name" in dataset.coords:
            own = _ordered(dataset.coords[f"{axis}_name"], [("follower", axis)], f"{axis}_name")[1]
            labels[f"{axis}_names"] = [
                [str(name) for name in row[:count]] for row, count in zip(own, counts, strict=True)
            ]
    return file_of(game, _types(dataset, n, num_types), labels, "dataset: ")


def _leader(payoff: Any, n: int, num_actions: int) -> LeaderPayoff:
    """The representation that the dimensions tell."""
    each = [f"action_{i}" for i in range(1, n + 1)]
    kinds = [f"type_{i}" for i in range(1, n + 1)]
    counts = [f"count_{a}" for a in range(1, num_actions)]
    makers: dict[tuple[str, ...], Any] = {
        ("leader_action", *each): TabularPayoff,
        ("leader_action", *each, *kinds): TypedPayoff.tabular,
        ("follower", "leader_action", "action"): SeparablePayoff,
        _AXES: TypedPayoff.separable,
        ("leader_action", *counts): lambda table: AnonymousPayoff(table, num_followers=n),
    }
    if n == 1:  # what belongs to the one follower need not say so
        makers[("leader_action", "action")] = lambda table: SeparablePayoff(table[None])
        makers[("type", "leader_action", "action")] = lambda table: TypedPayoff.separable(table[None])
    dimensions, table = _ordered(payoff, list(makers), "leader_payoff")
    maker: LeaderPayoff = makers[dimensions](table)
    return maker


def _types(dataset: Any, n: int, num_types: int) -> TypeDistribution:
    """The distribution that the dimensions of `probability` tell."""
    if "probability" not in dataset.data_vars and num_types == 1:
        return IndependentTypes(np.ones((n, 1)))
    _require(dataset, "probability")
    joint = tuple(f"type_{i}" for i in range(1, n + 1))
    kinds = [("follower", "type"), joint, ("component", "follower", "type")]
    if n == 1:
        kinds.append(("type",))
    dimensions, table = _ordered(dataset["probability"], kinds, "probability")
    if dimensions == joint:
        return JointTypes(table)
    if "component" in dimensions:
        _require(dataset, "weight")
        return MixtureTypes(_ordered(dataset["weight"], [("component",)], "weight")[1], table)
    return IndependentTypes(table.reshape(n, -1))


def _require(dataset: Any, name: str) -> None:
    if name not in dataset.data_vars:
        known = ", ".join(map(str, dataset.data_vars)) or "none"
        raise ValueError(f"dataset: variable {name!r} is missing. It has {known}.")


def _ordered(variable: Any, known: list[tuple[str, ...]], name: str) -> tuple[tuple[str, ...], np.ndarray]:
    """The dimensions that a variable has, of those known, and its numbers in their order."""
    for dimensions in known:
        if set(variable.dims) == set(dimensions):
            return dimensions, np.asarray(variable.transpose(*dimensions).values)
    told = "; or ".join(", ".join(dimensions) for dimensions in known)
    raise ValueError(
        f"dataset: variable {name!r} must have the dimensions {told}; but it has "
        f"{', '.join(map(str, variable.dims)) or 'none'}."
    )


def to_dataset(game: Game, types: TypeDistribution, **labels: Any) -> Any:
    """A game as an xarray dataset; `from_dataset` gives it back, with every float64 as it was.

    Args:
      game: one game.
      types: distribution of its types.
      **labels: any of the texts and names of `GameFile`.

    Raises:
      ValueError: a batch of games, types of another game, a payoff of counts that depends on types, or a
        leader who does not mix actions.
    """
    import xarray as xr

    file = file_of(game, types, labels)
    require_simplex(game, "a dataset")
    if isinstance(types, SequenceTypes):
        raise ValueError(f"a dataset holds distributions of types, but {types!r} arrived. Use .empirical().")
    n = game.num_followers
    variables: dict[str, Any] = {
        "follower_payoff": (_AXES, np.asarray(game.follower)),
        "leader_payoff": (_leader_dimensions(game.leader), np.asarray(game.leader.table)),
    }
    if isinstance(types, MixtureTypes):
        variables["weight"] = ("component", np.asarray(types.weights))
        variables["probability"] = (("component", "follower", "type"), np.asarray(types.probabilities))
    else:
        joint = tuple(f"type_{i}" for i in range(1, n + 1))
        dimensions = joint if isinstance(types, JointTypes) else ("follower", "type")
        variables["probability"] = (dimensions, np.asarray(types.probabilities))  # type: ignore[attr-defined]
    if game.available is not None:
        variables["available"] = (("follower", "type", "action"), np.asarray(game.available))
    names = _coordinates(file, {"type": game.num_types, "action": game.num_actions})
    texts = {text: getattr(file, text) for text in _TEXTS if getattr(file, text)}
    return xr.Dataset(variables, names, texts)


def _coordinates(file: GameFile, sizes: dict[str, int]) -> dict[str, Any]:
    """Names as coordinates; those of each follower are filled up with empty ones."""
    found: dict[str, Any] = {}
    for axis, field in _NAMES.items():
        names = getattr(file, field)
        if names and not isinstance(names[0], str):
            filled = [[*own, *[""] * (sizes[axis] - len(own))] for own in names]
            found[f"{axis}_name"] = (("follower", axis), filled)
        elif names:
            found[axis] = list(names)
    return found


def _leader_dimensions(leader: Any) -> tuple[str, ...]:
    """Names of the axes of a payoff's table."""
    moves = leader.moves if isinstance(leader, TypedPayoff) else leader
    each = [f"action_{i}" for i in range(1, leader.num_followers + 1)]
    kinds = [f"type_{i}" for i in range(1, leader.num_followers + 1)]
    typed = leader.num_types is not None
    if isinstance(moves, SeparablePayoff):
        return _AXES if typed else ("follower", "leader_action", "action")
    if isinstance(moves, TabularPayoff):
        return ("leader_action", *each, *(kinds if typed else ()))
    if isinstance(moves, AnonymousPayoff) and not typed:
        return ("leader_action", *(f"count_{a}" for a in range(1, leader.num_actions)))
    raise ValueError(
        f"a dataset holds payoffs of actions, or of actions and types, but {leader!r} arrived. "
        f"Write .json or .npz instead."
    )
