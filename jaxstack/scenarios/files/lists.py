"""Documents of unequal followers, as lists that a person reads and writes."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxstack.game import Game


def as_lists(game: Game, document: dict[str, Any]) -> dict[str, Any]:
    """The fields of a document of unequal followers that are lists to a person who reads them.

    What a follower does not have is left out. Payoffs of actions that one of its types lacks, and another
    has, are there; `available` says so, where there are any.
    """
    types, actions = game.types_by_follower.tolist(), game.actions_by_follower.tolist()
    blocks = [(i, slice(k), slice(a)) for i, (k, a) in enumerate(zip(types, actions, strict=True))]
    has = [np.asarray(game.available)[i, k, a] for i, k, a in blocks]
    payoffs = document["follower_payoffs"]
    leader, of_types = dict(document["leader_payoff"]), dict(document["types"])
    if leader["kind"] == "tabular":
        leader["table"] = leader["table"][(slice(None), *map(slice, actions))]
    elif leader["kind"] == "separable":
        leader["table"] = [leader["table"][i, :, a].tolist() for i, _, a in blocks]
    elif leader["kind"] == "anonymous":
        unused = leader["table"].ndim - max(actions)  # counts of actions that nobody has are 0
        leader["table"] = leader["table"][(..., *[0] * unused)]
    elif leader["kind"] == "tabular_by_type":
        n, largest = len(types), (max(actions), max(types))
        used = [slice(size) for size in largest for _ in range(n)]
        leader["table"] = leader["table"][(slice(None), *used)]
    elif leader["kind"] == "separable_by_type":
        leader["table"] = [leader["table"][i, k, :, a].tolist() for i, k, a in blocks]
    table = of_types.get("probabilities")  # of a sequence there are none
    if table is None:
        pass
    elif of_types["kind"] == "joint":
        of_types["probabilities"] = table[tuple(map(slice, types))]
    elif of_types["kind"] == "independent":
        of_types["probabilities"] = [table[i, k].tolist() for i, k, _ in blocks]
    else:
        of_types["probabilities"] = [[own[i, k].tolist() for i, k, _ in blocks] for own in table]
    return {
        "leader_payoff": leader,
        "follower_payoffs": [payoffs[i, k, :, a].tolist() for i, k, a in blocks],
        "available": None if all(own.all() for own in has) else [own.tolist() for own in has],
        "types": of_types,
    }
