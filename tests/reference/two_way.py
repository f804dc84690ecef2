"""Mean of a table of games by runs with its error, by sums over entries and the textbook's mean squares."""

from __future__ import annotations

import math


def two_way(rows: list[list[float]]) -> tuple[float, float, float]:
    """Mean, standard error and degrees of freedom of a random two-way layout without replication.

    Mean squares MA, MB, ME estimate S*a + e, G*b + e and e, where a, b, e are the variances of games, of runs
    and of the rest. Var(mean) = a/G + b/S + e/(GS) = (MA + MB - ME) / (GS).
    """
    G, S = len(rows), len(rows[0])
    mean = sum(sum(row) for row in rows) / (G * S)
    of_game = [sum(row) / S for row in rows]
    of_run = [sum(row[s] for row in rows) / G for s in range(S)]
    MA = S * sum((m - mean) ** 2 for m in of_game) / (G - 1)
    MB = G * sum((m - mean) ** 2 for m in of_run) / (S - 1)
    rest = 0.0
    for g in range(G):
        for s in range(S):
            rest += (rows[g][s] - of_game[g] - of_run[s] + mean) ** 2
    ME = rest / ((G - 1) * (S - 1))
    combined = MA + MB - ME
    if combined > max(MA, MB):
        squares = MA**2 / (G - 1) + MB**2 / (S - 1) + ME**2 / ((G - 1) * (S - 1))
        return mean, math.sqrt(combined / (G * S)), combined**2 / squares
    if MA >= MB:
        return mean, math.sqrt(MA / (G * S)), G - 1
    return mean, math.sqrt(MB / (G * S)), S - 1
