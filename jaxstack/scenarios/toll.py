"""A road authority that prices express lanes for drivers whose value of time it does not know."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxstack import checks
from jaxstack.distributions import IndependentTypes
from jaxstack.game import Game
from jaxstack.payoffs import AnonymousPayoff
from jaxstack.scenarios._arrays import agreeing

MENUS = ("cheap: one crowded express lane", "dear: one fast express lane", "fair: two express lanes")
ACTIONS = ("free lanes", "express lanes", "stay home")
DRIVERS = ("near suburb", "far suburb", "satellite town")
TYPES = ("unhurried trip", "hurried trip", "business trip")


def toll_pricing(
    toll: Any = (1.0, 9.5, 3.0),
    express_minutes: Any = (30.0, 10.0, 16.0),
    free_minutes: Any = (31.0, 33.0, 52.0),
    value_of_time: Any = (10.5, 18.0, 30.0),
    trip_value: Any = (12.3, 15.0, 24.8),
    access_minutes: Any = ((7.0, 0.0), (18.0, 16.0), (16.0, 19.0)),
    congestion_cost: float = 0.8,
    lost_trip_cost: float = 3.0,
    type_probabilities: Any = ((0.5, 0.3, 0.2), (0.3, 0.4, 0.3), (0.2, 0.3, 0.5)),
) -> tuple[Game, IndependentTypes]:
    """A pricing game: the leader mixes price menus over days, each driver picks a lane or stays home.

    A menu l posts a toll and the planned travel times of both kinds of lanes. Driver i with value of time w
    (the type, in currency units per hour) gets trip_value[i] - w (minutes + access_minutes[i]) / 60 - toll
    from a trip, where free lanes cost no toll, and nothing from staying home. Drivers plan with the posted
    times, so they do not affect each other; their number does affect the authority, which earns the tolls,
    pays congestion_cost times the square of the number on the free lanes (delay, emissions), and
    lost_trip_cost for each driver priced off the road: anonymous. One "driver" stands for the morning traffic
    of one place; payoffs in currency units per trip. L = n = K = A = 3 by default.

    Args:
      toll, express_minutes, free_minutes: [L], one entry per menu.
      value_of_time: [K], currency units per hour.
      trip_value: [n], worth of the trip.
      access_minutes: [n, 2], minutes that each driver needs to reach the free and the express lanes.
      congestion_cost: per squared number of drivers on the free lanes.
      lost_trip_cost: per driver who stays home.
      type_probabilities: [n, K], rows sum to 1; drivers are independent.

    Returns:
      The game and the distribution of its types.

    Raises:
      ValueError: shapes that disagree, or not finite.

    Source: values of time are 35 %, 60 % and 100 % of an hourly income of 30: both ends of the range that the
    US Department of Transportation gives for personal local travel, and its value for business travel
    (Revised Departmental Guidance on Valuation of Travel Time in Economic Analysis, 2011). The income and all
    other default numbers are illustrative.
    """
    toll, express, free, value_of_time, trip_value, access = agreeing(
        toll=(toll, "L"),
        express_minutes=(express_minutes, "L"),
        free_minutes=(free_minutes, "L"),
        value_of_time=(value_of_time, "K"),
        trip_value=(trip_value, "n"),
        access_minutes=(access_minutes, "n lanes"),
    )
    congestion_cost = checks.finite_number("congestion_cost", congestion_cost)
    lost_trip_cost = checks.finite_number("lost_trip_cost", lost_trip_cost)
    if access.shape[1] != 2:
        raise ValueError(f"access_minutes must have 2 columns (free, express), but has {access.shape[1]}.")
    L, n, K = len(toll), len(trip_value), len(value_of_time)
    follower = np.zeros((n, K, L, 3))
    for lane, minutes, price in ((0, free, np.zeros(L)), (1, express, toll)):
        hours = (minutes + access[:, lane, None, None]) / 60  # [n, 1, L]
        follower[..., lane] = trip_value[:, None, None] - value_of_time[:, None] * hours - price
    tolled, home = np.indices((n + 1, n + 1))  # counts of actions 1 and 2
    untolled = np.maximum(n - tolled - home, 0)
    leader = np.multiply.outer(toll, tolled) - congestion_cost * untolled**2 - lost_trip_cost * home
    return Game(AnonymousPayoff(leader.round(9)), follower.round(9)), IndependentTypes(type_probabilities)
