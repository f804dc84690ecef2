"""Games of Gambit: strategic-form files, `.nfg`, in outcome form and in payoff form.

One player leads; the others follow, each against the leader alone: a follower whose payoff another follower
changes is refused. There are no types in these files, so that every follower has one.

Source: Gambit's documentation of its file formats, "The strategic game (.nfg) file format".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jaxstack import checks
from jaxstack.distributions import IndependentTypes
from jaxstack.game import Game
from jaxstack.payoffs import TabularPayoff
from jaxstack.scenarios.files.document import GameFile
from jaxstack.scenarios.files.foreign import available, require_simplex
from jaxstack.value import joint_payoffs

_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|[{}]|[^\s{}",]+|"')
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?|[+-]?\d{1,400}/\d{1,400}")


class StrategicForm(NamedTuple):
    """What a file says.

    title: its first text.
    players: [N] names.
    strategies: names of each player's strategies.
    payoffs: [s_1, .., s_N, N] float64, of every player.
    """

    title: str
    players: tuple[str, ...]
    strategies: tuple[tuple[str, ...], ...]
    payoffs: np.ndarray


def game_of_text(text: str, source: str, leader: str | int | None = None) -> GameFile:
    """The game in the text of an .nfg file.

    Args:
      text: of the file.
      source: of which messages speak.
      leader: name or number (from 1) of the player who leads; default the first.

    Raises:
      ValueError: no strategic form; no such player, or nobody who could follow; followers who affect each
        other.
    """
    form = _Reader(text, source).form()
    players, first = form.players, _number_of(form, source, leader)
    if len(players) < 2:
        raise ValueError(f"{source}: a leader needs a follower, but {players[0]!r} is the only player.")
    others = [i for i in range(len(players)) if i != first]
    follower = [[_against_leader(form, source, first, i).tolist()] for i in others]
    table = np.moveaxis(form.payoffs[..., first], first, 0)
    names = tuple(form.strategies[i] for i in others)
    return GameFile(
        Game(TabularPayoff(table), follower),
        IndependentTypes(np.ones((len(others), 1))),
        title=form.title or None,
        leader_names=form.strategies[first],
        follower_names=tuple(players[i] for i in others),
        action_names=names[0] if len(set(names)) == 1 else names,
    )


def _number_of(form: StrategicForm, source: str, leader: str | int | None) -> int:
    """Position of the player who leads."""
    if leader is None:
        return 0
    named = [i for i, name in enumerate(form.players) if name == leader]
    if len(named) == 1:
        return named[0]
    number = checks.whole_number(int(leader) if isinstance(leader, str) and leader.isdecimal() else leader)
    if not named and number is not None and 1 <= number <= len(form.players):
        return number - 1
    known = ", ".join(f"{i} {name!r}" for i, name in enumerate(form.players, 1))
    problem = "names several players" if named else "is no player"
    raise ValueError(
        f"{source}: leader {checks.brief(leader)} {problem}. Players: {known}; give a name or a number."
    )


def _against_leader(form: StrategicForm, source: str, leader: int, player: int) -> np.ndarray:
    """[L, A]: a follower's payoffs, if no other follower has a part in them."""
    own = np.moveaxis(form.payoffs[..., player], (leader, player), (0, 1))
    flat = own.reshape(*own.shape[:2], -1)
    differs = flat != flat[..., :1]
    if differs.any():
        row, a, other = (int(place) for place in np.argwhere(differs)[0])
        others = [i for i in range(len(form.players)) if i not in (leader, player)]
        actions = np.unravel_index(other, own.shape[2:])
        i, b = next((i, int(b)) for i, b in zip(others, actions, strict=True) if b)
        raise ValueError(
            f"{source}: followers must not affect each other, but with {form.players[leader]!r} as leader "
            f"the payoff of {form.players[player]!r} depends on the other followers: at strategies {row + 1} "
            f"and {a + 1} of the two it is {flat[row, a, 0]:g}, and {flat[row, a, other]:g} where "
            f"{form.players[i]!r} plays strategy {b + 1}, say. jaxstack has no equilibria among followers."
            + (" Another player may lead: give its name or number." if len(form.players) > 2 else "")
        )
    return flat[..., 0]


class _Reader:
    """The tokens of a file, one by one; commas between numbers are spaces."""

    def __init__(self, text: str, source: str) -> None:
        self._text, self._source = text, source
        self._tokens = [(match.group(), match.start()) for match in _TOKEN.finditer(text)]
        self._next = 0

    def form(self) -> StrategicForm:
        self._take(lambda token: token == "NFG", "NFG, which begins a strategic form,")
        self._take(lambda token: token == "1", "version 1")
        self._take(lambda token: token in ("R", "D"), "R or D")
        title = self._text_token("the title")
        players = self._texts("a player's name")
        if not players:
            raise self._wrong("at least one player", "none")
        strategies = self._strategies(len(players))
        if self._peek().startswith('"'):
            self._text_token("a comment")
        counts = [len(names) for names in strategies]
        if self._peek() == "{":
            flat = self._by_outcome(len(players), math.prod(counts))
        else:
            flat = np.array(self._numbers(math.prod(counts) * len(players), "payoffs"))
        if self._next < len(self._tokens):
            raise self._wrong("the end of the file", _told(self._peek()))
        # The first player's strategies move fastest.
        payoffs = flat.reshape(*reversed(counts), len(players))
        order = (*reversed(range(len(players))), len(players))
        return StrategicForm(title, players, strategies, payoffs.transpose(order))

    def _strategies(self, num_players: int) -> tuple[tuple[str, ...], ...]:
        """Names of strategies; where the file only counts them, their numbers."""
        self._brace("{")
        found: list[tuple[str, ...]] = []
        while self._peek() != "}":
            if self._peek() == "{":
                found.append(self._texts("a strategy's name"))
                continue
            token = self._take(lambda token: token.isdecimal() and len(token) < 8, "a number of strategies")
            if int(token) * num_players > len(self._tokens):
                raise self._wrong("at most as many strategies as payoffs", _told(token))
            found.append(tuple(str(number) for number in range(1, int(token) + 1)))
        self._brace("}")
        if len(found) != num_players or not all(found):
            told = ", ".join(str(len(names)) for names in found) or "none"
            raise self._wrong(f"strategies of each of the {num_players} players", told)
        return tuple(found)

    def _by_outcome(self, num_players: int, contingencies: int) -> np.ndarray:
        """[contingencies, N]: payoffs of outcomes, each at the contingencies that name it; 0 names none."""
        outcomes = [[0.0] * num_players]
        self._brace("{")
        while self._peek() == "{":
            self._brace("{")
            self._text_token("an outcome's name")
            outcomes.append(self._numbers(num_players, "payoffs of an outcome"))
            self._brace("}")
        self._brace("}")
        chosen = []
        for _ in range(contingencies):
            expected = (
                f"the number of an outcome, 0 to {len(outcomes) - 1}, for {contingencies:,} contingencies"
            )
            token = self._take(lambda token: token.isdecimal() and len(token) < 16, expected)
            if int(token) >= len(outcomes):
                raise self._wrong(expected, _told(token))
            chosen.append(int(token))
        return np.array(outcomes)[chosen]

    def _numbers(self, count: int, what: str) -> list[float]:
        left = len(self._tokens) - self._next
        if left < count:
            raise self._wrong(f"{count:,} {what}", f"{left:,} more words")
        return [self._number(what) for _ in range(count)]

    def _number(self, what: str) -> float:
        token = self._take(lambda token: _NUMBER.fullmatch(token) is not None, f"a number ({what})")
        numerator, _, denominator = token.partition("/")
        try:
            value = int(numerator) / int(denominator) if denominator else float(token)
        except (ZeroDivisionError, OverflowError):
            value = math.inf
        if not math.isfinite(value):
            raise self._wrong("a finite number", _told(token))
        return value

    def _texts(self, what: str) -> tuple[str, ...]:
        """{ "text" "text" .. }"""
        self._brace("{")
        found = []
        while self._peek() != "}":
            found.append(self._text_token(what))
        self._brace("}")
        return tuple(found)

    def _text_token(self, what: str) -> str:
        token = self._take(lambda token: len(token) > 1 and token[0] == '"', f"{what}, in quotes")
        return re.sub(r"\\(.)", r"\1", token[1:-1], flags=re.DOTALL)

    def _brace(self, brace: str) -> None:
        self._take(lambda token: token == brace, repr(brace))

    def _peek(self) -> str:
        return self._tokens[self._next][0] if self._next < len(self._tokens) else ""

    def _take(self, fits: Callable[[str], bool], expected: str) -> str:
        token = self._peek()
        if not token or not fits(token):
            raise self._wrong(expected, _told(token))
        self._next += 1
        return token

    def _wrong(self, expected: str, arrived: str) -> ValueError:
        at = self._tokens[self._next][1] if self._next < len(self._tokens) else len(self._text)
        line = self._text.count("\n", 0, at) + 1
        return ValueError(f"{self._source}: line {line}: {expected} expected, but {arrived} arrived.")


def _told(token: str) -> str:
    return checks.brief(token) if token else "the end of the file"


def text_of_game(file: GameFile) -> str:
    """The game as an .nfg file in payoff form, the leader first.

    Raises:
      ValueError: followers with more than one type, or a leader who does not mix actions, for which the
        format has no place.
    """
    game = file.game
    require_simplex(game, "an .nfg file")
    n, num_types, L, _ = np.shape(game.follower)
    if num_types > 1:
        raise ValueError(
            f"an .nfg file has no types, but {game!r} has up to {num_types} of a follower. Write .json or "
            f".npz."
        )
    followers = file.follower_names or [f"follower {i + 1}" for i in range(n)]
    leaders = file.leader_names or [f"leader action {row}" for row in range(L)]
    actions = [np.flatnonzero(own) for own in available(game)[:, 0]]  # of each follower
    strategies = [leaders, *([file.actions_of(i)[a] for a in own] for i, own in enumerate(actions))]
    players = " ".join(map(_quoted, ["leader", *followers]))
    names = " ".join("{ " + " ".join(map(_quoted, own)) + " }" for own in strategies)
    rows = "\n".join(" ".join(map(repr, row)) for row in _contingencies(game, actions).tolist())
    return f"NFG 1 R {_quoted(file.title or '')} {{ {players} }}\n\n{{ {names} }}\n\n{rows}\n"


def _contingencies(game: Game, actions: list[np.ndarray]) -> np.ndarray:
    """[A_1 .. A_n L, 1+n]: payoffs of the leader and the followers; the leader's strategies move fastest."""
    maps = np.stack(np.meshgrid(*actions, indexing="ij"), axis=-1)  # [A_1, .., A_n, n]
    n, L = game.num_followers, game.num_leader_actions
    payoffs = np.empty((*maps.shape[:-1], L, 1 + n))
    payoffs[..., 0] = joint_payoffs(game, maps.reshape(-1, n, 1)).reshape(payoffs.shape[:-1])
    for i, own in enumerate(actions):
        by_action = np.asarray(game.follower)[i, 0][:, own].T
        payoffs[..., 1 + i] = np.expand_dims(by_action, tuple(axis for axis in range(n) if axis != i))
    return payoffs.transpose(*reversed(range(n)), n, n + 1).reshape(-1, 1 + n)


def _quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
