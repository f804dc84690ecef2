"""Writes the three example games beside this script, from the functions in `jaxstack.scenarios`.

python experiments/games/make.py
"""

from __future__ import annotations

from pathlib import Path

from jaxstack.scenarios import feature_mix, platform, save_game, security, security_patrol, toll, toll_pricing

FOLDER = Path(__file__).parent

GAMES = {
    "security_patrol.json": (
        security_patrol,
        {
            "title": "Harbour patrol",
            "description": (
                "A harbour police mixes three patrol schedules; two gangs watch the schedule and then "
                "attack the passenger terminal, the container yard, or nothing. What a gang is after "
                "tonight is not known. Payoffs in 10,000 currency units a night."
            ),
            "source": (
                "Illustrative numbers. Payoffs are built from covered and uncovered outcomes of each "
                "target, as in security games (Kiekintveld et al., AAMAS 2009)."
            ),
            "leader_names": security.SCHEDULES,
            "follower_names": security.ATTACKERS,
            "type_names": security.TYPES,
            "action_names": security.ACTIONS,
        },
    ),
    "feature_mix.json": (
        feature_mix,
        {
            "title": "Feature mix of a feed",
            "description": (
                "A platform chooses the share of three kinds of content; three users of unknown taste "
                "leave, skim or engage. Engaged users talk to each other (network effect) and everyone who "
                "stays loads the servers (congestion). Payoffs in 0.01 currency units per slot."
            ),
            "source": "Illustrative numbers, made for this package.",
            "leader_names": platform.LANES,
            "follower_names": platform.USERS,
            "type_names": platform.TASTES,
            "action_names": platform.ACTIONS,
        },
    ),
    "toll.json": (
        toll_pricing,
        {
            "title": "Toll for express lanes",
            "description": (
                "A road authority mixes three price menus over the days; the traffic of three places, "
                "whose value of time is not known, takes the free lanes, pays for the express lanes, or "
                "stays home. The authority earns tolls and bears congestion and lost trips. Payoffs in "
                "currency units per trip."
            ),
            "source": (
                "Values of time are 35 %, 60 % and 100 % of an hourly income of 30: both ends of the range "
                "that the US Department of Transportation gives for personal local travel, and its value "
                "for business travel (Revised Departmental Guidance on Valuation of Travel Time in "
                "Economic Analysis, 2011). The income and all other numbers are illustrative."
            ),
            "leader_names": toll.MENUS,
            "follower_names": toll.DRIVERS,
            "type_names": toll.TYPES,
            "action_names": toll.ACTIONS,
        },
    ),
}


def main(folder: Path = FOLDER) -> None:
    """Write every game to `folder`."""
    for name, (scenario, labels) in GAMES.items():
        game, types = scenario()
        save_game(folder / name, game, types, **labels)
        print(f"{folder / name}: {game}")


if __name__ == "__main__":
    main()
