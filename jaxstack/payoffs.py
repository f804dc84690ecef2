"""Three representations of a leader's payoff u(l, a_1, ..., a_n) of actions, behind one interface."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack import checks, payoff_units
from jaxstack._pytree import host_float64, is_traced, pytree_dataclass, set_field, static_field
from jaxstack.axes import Array, Bool, Complex, Float, Int
from jaxstack.payoff_contract import LeaderPayoff as LeaderPayoff
from jaxstack.ties import equal_actions
from jaxstack.unequal import is_ragged, unequal_tables


@pytree_dataclass
class TabularPayoff:
    """Any payoff, as a table of all joint actions.

    Args:
      table: [L, A_1, .., A_n] with one axis per follower, float64, payoff units. Where followers have unequal
        numbers of actions it is held as [L, A, .., A]: what cannot occur repeats what can.

    Attributes:
      sizes: A_1, .., A_n as they were given, where they differ; a `Game` checks them against its followers.

    Raises:
      ValueError: not finite, an empty axis, or no follower axis.
    """

    table: Any
    num_followers: int = static_field(default=0)
    sizes: tuple[int, ...] = static_field(default=())
    num_types = None

    def __post_init__(self) -> None:
        if is_traced(self.table):
            set_field(self, "num_followers", self.table.ndim - 1)
            return
        table = checks.finite_array("leader payoff table", self.table, "L A*")
        if len(set(table.shape[1:])) > 1:
            set_field(self, "sizes", table.shape[1:])
            wider = [(0, max(self.sizes) - size) for size in self.sizes]
            table = host_float64(np.pad(table, [(0, 0), *wider], mode="edge"))
        set_field(self, "table", table)
        set_field(self, "num_followers", table.ndim - 1)

    @property
    def num_leader_actions(self) -> int:
        return self.table.shape[-1 - self.num_followers]

    @property
    def num_actions(self) -> int:
        return self.table.shape[-1]

    def payoff_vector(
        self, actions: Int[Array, "n"], types: Int[Array, "n"] | None = None
    ) -> Float[Array, "L"]:
        flat = joint_index(actions, self.num_actions)
        return jnp.reshape(jnp.asarray(self.table), (self.num_leader_actions, -1))[:, flat]

    def expected_payoff_vector(
        self, types: Float[Array, "n K"], plays: Float[Array, "n K A"]
    ) -> Float[Array, "L"]:
        marginals = jnp.einsum("nk,nka->na", types, plays)
        expected = jnp.asarray(self.table)
        for i in reversed(range(self.num_followers)):  # contracts the last axis, follower by follower
            expected = expected @ marginals[i]
        return expected

    def bounds(self, played: Bool[np.ndarray, "n K A"] | None = None) -> tuple[np.ndarray, np.ndarray]:
        axes, possible = tuple(range(-1 - self.num_followers, 0)), np.ones(np.shape(self.table), bool)
        if played is not None:
            possible &= self._met(_by_some_type(played))
        low = np.min(self.table, axis=axes, initial=np.inf, where=possible)
        return low, np.max(self.table, axis=axes, initial=-np.inf, where=possible)

    def in_units(
        self, low: np.ndarray, size: np.ndarray, played: Bool[np.ndarray, "n K A"] | None = None
    ) -> TabularPayoff:
        return jax.tree.map(lambda table: payoff_units.in_units(table, low, size), self)

    def about_median(self) -> tuple[TabularPayoff, np.ndarray, np.ndarray]:
        return payoff_units.about_median(self, np.ndim(self.table) - 1 - self.num_followers)

    def tells_apart(self, played: Bool[np.ndarray, "n K A"]) -> Bool[np.ndarray, "n 1 A A"]:
        n, batch = self.num_followers, played.shape[:-3]
        apart = np.empty((*batch, n, 1, self.num_actions, self.num_actions), bool)
        for i in range(n):
            others = _by_some_type(played) | (np.arange(n) == i)[:, None]
            possible = np.broadcast_to(self._met(others), np.shape(self.table))
            by_action, matters = (
                np.moveaxis(array, i - n, -1).reshape(*batch, -1, self.num_actions)
                for array in (self.table, possible)
            )
            for action in range(self.num_actions):
                differs = (by_action != by_action[..., action, None]) & matters
                apart[..., i, 0, action, :] = differs.any(axis=-2)
        return apart

    def _met(self, played: Bool[np.ndarray, "n A"]) -> Bool[np.ndarray, "1 A*"]:
        """True for joint actions of played ones."""
        n, batch = self.num_followers, played.shape[:-2]
        met = np.ones((*batch, *(1,) * (n + 1)), bool)
        for i in range(n):
            shape = (1, *(self.num_actions if other == i else 1 for other in range(n)))  # L, then followers
            met = met & played[..., i, :].reshape(*batch, *shape)
        return met

    def additive_terms(self) -> None:
        return None

    def product_terms(self) -> None:
        return None

    def index_terms(self) -> tuple[Float[np.ndarray, "I L"], Int[np.ndarray, "n 1 A"]]:
        n, actions = self.num_followers, self.num_actions
        steps = actions ** np.arange(n)[::-1, None, None] * np.arange(actions)
        return _by_index(self.table, n), steps.astype(np.int32)

    def at(self, points: Float[np.ndarray, "M L"]) -> TabularPayoff:
        return payoff_units.mixed(self, points, 1 + self.num_followers)

    def shifted(self, amount: np.ndarray, unit: Float[np.ndarray, "L"], scale: np.ndarray) -> TabularPayoff:
        return payoff_units.shifted(self, amount, unit, scale, 1 + self.num_followers)


@pytree_dataclass
class SeparablePayoff:
    """u(l, a) = sum_i u_i(l, a_i): each follower contributes by itself; n may be thousands.

    Args:
      table: [n, L, A], float64, payoff units; or lists [n][L][A_i] of followers with unequal numbers of
        actions, held as [n, L, A]: what cannot occur repeats what can.

    Attributes:
      sizes: A_1, .., A_n as they were given, where they differ; a `Game` checks them against its followers.

    Raises:
      ValueError: not finite, an empty axis, or not three axes.
    """

    table: Any
    sizes: tuple[int, ...] = static_field(default=())
    num_types = None

    def __post_init__(self) -> None:
        if is_traced(self.table):
            return
        table, sizes = self.table, self.sizes
        if is_ragged(table, 3):
            table, sizes = unequal_tables("separable leader payoff", table)
        set_field(self, "table", checks.finite_array("separable leader payoff", table, "n L A"))
        set_field(self, "sizes", sizes)

    @property
    def num_leader_actions(self) -> int:
        return self.table.shape[-2]

    @property
    def num_followers(self) -> int:
        return self.table.shape[-3]

    @property
    def num_actions(self) -> int:
        return self.table.shape[-1]

    def payoff_vector(
        self, actions: Int[Array, "n"], types: Int[Array, "n"] | None = None
    ) -> Float[Array, "L"]:
        chosen = jnp.take_along_axis(jnp.asarray(self.table), jnp.asarray(actions)[:, None, None], axis=2)
        return chosen[:, :, 0].sum(axis=0)

    def expected_payoff_vector(
        self, types: Float[Array, "n K"], plays: Float[Array, "n K A"]
    ) -> Float[Array, "L"]:
        marginals = jnp.einsum("nk,nka->na", types, plays)
        return jnp.einsum("nla,na->l", self.table, marginals)

    def bounds(self, played: Bool[np.ndarray, "n K A"] | None = None) -> tuple[np.ndarray, np.ndarray]:
        # Followers choose independently, so the extremes of the sum are the sums of the extremes.
        possible = np.ones(np.shape(self.table), bool)
        if played is not None:
            possible &= _by_some_type(played)[..., :, None, :]
        low = np.min(self.table, axis=-1, initial=np.inf, where=possible).sum(axis=-2).min(axis=-1)
        high = np.max(self.table, axis=-1, initial=-np.inf, where=possible).sum(axis=-2).max(axis=-1)
        return low, high

    def in_units(
        self, low: np.ndarray, size: np.ndarray, played: Bool[np.ndarray, "n K A"] | None = None
    ) -> SeparablePayoff:
        # What all actions of a follower have in common is shared out equally: one follower's part may have an
        # offset far larger than all differences, which another's takes back.
        possible = np.ones(np.shape(self.table), bool)
        if played is not None:
            possible &= _by_some_type(played)[..., :, None, :]
        least = np.min(self.table, axis=-1, keepdims=True, initial=np.inf, where=possible)  # [.., n, L, 1]
        common = least.sum(axis=-3, keepdims=True) - low[..., None, None, None]
        terms = (self.table - least + common / self.num_followers) / size[..., None, None, None]
        return jax.tree.map(lambda _: np.clip(terms, 0.0, 2.0), self)

    def about_median(self) -> tuple[SeparablePayoff, np.ndarray, np.ndarray]:
        return payoff_units.about_median(
            self, np.ndim(self.table) - 3, own=1
        )  # each follower has its own constant

    def tells_apart(self, played: Bool[np.ndarray, "n K A"]) -> Bool[np.ndarray, "n 1 A A"]:
        return ~equal_actions(self.table)[..., None, :, :]  # whatever the others play

    def additive_terms(self) -> Float[Array, "n 1 A L"]:
        return np.swapaxes(self.table, -1, -2)[..., None, :, :]

    def product_terms(self) -> None:
        return None

    def index_terms(self) -> None:
        return None

    def at(self, points: Float[np.ndarray, "M L"]) -> SeparablePayoff:
        return payoff_units.mixed(self, points, 2)

    def shifted(self, amount: np.ndarray, unit: Float[np.ndarray, "L"], scale: np.ndarray) -> SeparablePayoff:
        return payoff_units.shifted(self, amount / self.num_followers, unit, scale, 2)


@pytree_dataclass
class AnonymousPayoff:
    """u(l, a) depends only on how many followers chose each action; n may be hundreds.

    Args:
      table: [L, n+1, .., n+1] with A-1 count axes: entry [l, c_1, .., c_{A-1}] is the payoff when c_b
        followers choose action b (and the other n - sum c choose action 0). For A = 2 that is [L, n+1],
        indexed by the number of followers that choose action 1. Entries with sum c > n cannot occur; they
        are ignored, and held as 0.
      num_followers: n; read off the table, and needed only when A = 1 (a table without count axes).

    Raises:
      ValueError: not finite where it can occur, count axes of different lengths, or n unknown.
    """

    table: Any
    num_followers: int = static_field(default=0)
    num_actions: int = static_field(default=0)
    num_types = None

    def __post_init__(self) -> None:
        if not is_traced(self.table):
            axes = "L n+1 .. n+1"
            set_field(self, "table", checks.converted_array("anonymous leader payoff", self.table, axes))
        shape = np.shape(self.table)
        num_actions, sizes = len(shape), set(shape[1:])
        if num_actions == 0 or len(sizes) > 1 or sizes & {0, 1}:
            raise ValueError(
                f"anonymous leader payoff must have axes [L, n+1, .., n+1] with A-1 count axes of n+1 >= 2 "
                f"entries each, but its shape is {shape}. For two actions pass [L, n+1]."
            )
        num_followers = sizes.pop() - 1 if sizes else self.num_followers
        if num_followers < 1 or self.num_followers not in (0, num_followers):
            raise ValueError(
                f"anonymous leader payoff of shape {shape} is for {num_followers} followers, but "
                f"num_followers={self.num_followers} arrived. Count axes have n+1 entries; without count "
                f"axes (A = 1) pass num_followers."
            )
        set_field(self, "num_followers", num_followers)
        set_field(self, "num_actions", num_actions)
        if is_traced(self.table):
            return
        cleaned = np.where(self._reachable(), self.table, 0.0)
        axes = " ".join(["L", *(f"c_{b}" for b in range(1, num_actions))])
        set_field(self, "table", checks.finite_array("anonymous leader payoff", cleaned, axes))

    def _reachable(self) -> np.ndarray:
        """[n+1, .., n+1] bool: True where the counts of actions 1..A-1 sum to at most n."""
        grid = np.indices((self.num_followers + 1,) * (self.num_actions - 1))
        return np.asarray(grid.sum(axis=0) <= self.num_followers)

    @property
    def num_leader_actions(self) -> int:
        return self.table.shape[-self.num_actions]

    def payoff_vector(
        self, actions: Int[Array, "n"], types: Int[Array, "n"] | None = None
    ) -> Float[Array, "L"]:
        others = jnp.arange(1, self.num_actions, dtype=jnp.int32)
        counts = (jnp.asarray(actions, jnp.int32)[:, None] == others[None]).sum(axis=0, dtype=jnp.int32)
        flat = joint_index(counts, self.num_followers + 1)
        return jnp.reshape(jnp.asarray(self.table), (self.num_leader_actions, -1))[:, flat]

    def expected_payoff_vector(
        self, types: Float[Array, "n K"], plays: Float[Array, "n K A"]
    ) -> Float[Array, "L"]:
        marginals = jnp.einsum("nk,nka->na", types, plays)
        axes = self.num_actions - 1

        def add_follower(profile: jax.Array, marginal: jax.Array) -> tuple[jax.Array, None]:
            # Before follower i at most i <= n - 1 have chosen any action, so nothing real wraps around.
            shifted = [jnp.roll(profile, 1, axis=b) * marginal[b + 1] for b in range(axes)]
            return profile * marginal[0] + sum(shifted), None

        table = jnp.asarray(self.table)
        none_yet = jnp.zeros((self.num_followers + 1,) * axes, table.dtype).at[(0,) * axes].set(1)
        profile, _ = jax.lax.scan(add_follower, none_yet, jnp.asarray(marginals, table.dtype))
        return jnp.tensordot(table, profile, axes)

    def bounds(self, played: Bool[np.ndarray, "n K A"] | None = None) -> tuple[np.ndarray, np.ndarray]:
        axes = tuple(range(-self.num_actions, 0))
        possible = self._reachable() if played is None else self._reachable_by(_by_some_type(played))
        possible = np.broadcast_to(np.expand_dims(possible, -self.num_actions), np.shape(self.table))
        low = np.min(self.table, axis=axes, initial=np.inf, where=possible)
        return low, np.max(self.table, axis=axes, initial=-np.inf, where=possible)

    def _reachable_by(self, played: Bool[np.ndarray, "n A"]) -> np.ndarray:
        """[.., n+1, .., n+1] bool: True for counts that followers who play these actions alone can have."""
        count_axes = self.num_actions - 1
        shape = (*played.shape[:-2], *(self.num_followers + 1,) * count_axes)
        profiles = np.zeros(shape, bool)
        profiles.reshape(*played.shape[:-2], -1)[..., 0] = True
        for follower in range(played.shape[-2]):
            may = played[..., follower, :].reshape(*played.shape[:-2], *(1,) * count_axes, -1)
            # Before follower i at most i have chosen any action, so nothing real wraps around.
            shifted = [np.roll(profiles, 1, axis=b - count_axes) & may[..., b + 1] for b in range(count_axes)]
            profiles = np.logical_or.reduce([profiles & may[..., 0], *shifted])
        return profiles

    def in_units(
        self, low: np.ndarray, size: np.ndarray, played: Bool[np.ndarray, "n K A"] | None = None
    ) -> AnonymousPayoff:
        return jax.tree.map(lambda table: payoff_units.in_units(table, low, size), self)

    def about_median(self) -> tuple[AnonymousPayoff, np.ndarray, np.ndarray]:
        occurs = np.tile(self._reachable().ravel(), self.num_leader_actions)
        return payoff_units.about_median(self, np.ndim(self.table) - self.num_actions, occurs=occurs)

    def tells_apart(self, played: Bool[np.ndarray, "n K A"]) -> Bool[np.ndarray, "n 1 A A"]:
        n, actions, batch = self.num_followers, self.num_actions, played.shape[:-3]
        apart = np.empty((*batch, n, 1, actions, actions), bool)
        for i in range(n):
            of_others = np.delete(_by_some_type(played), i, axis=-2)
            others = self._reachable_by(of_others).reshape(*batch, 1, -1)
            # Others who are n - 1 leave room for one more, so that nothing real wraps around.
            with_one = [self.table, *(np.roll(self.table, -1, axis=b - actions) for b in range(1, actions))]
            flat = np.stack([one.reshape(*batch, self.num_leader_actions, -1) for one in with_one])
            for action in range(actions):
                differs = ((flat != flat[action]) & others).any(axis=(-2, -1))
                apart[..., i, 0, action, :] = np.moveaxis(differs, 0, -1)
        return apart

    def additive_terms(self) -> None:
        return None

    def product_terms(self) -> tuple[Complex[np.ndarray, "F L"], Complex[np.ndarray, "1 A F"]]:
        # The discrete Fourier transform over counts: a wave over sums of counts is a product of waves.
        axes, size = self.num_actions - 1, self.num_followers + 1
        waves = (
            np.fft.fftn(self.table, axes=tuple(range(-axes, 0))) if axes else np.asarray(self.table, complex)
        )
        frequency = np.indices((size,) * axes).reshape(axes, size**axes)
        place = size ** np.arange(axes)[::-1]
        mirrored = place @ (-frequency % size)  # of a real table: its wave is the conjugate one
        kept = np.flatnonzero(place @ frequency <= mirrored)
        twice = np.where(mirrored[kept] > kept, 2, 1) / size**axes
        waves = waves.reshape(*waves.shape[: waves.ndim - axes], -1)[..., kept] * twice
        turns = np.concatenate([np.zeros((1, len(kept))), frequency[:, kept]]) / size
        return np.swapaxes(waves, -1, -2), np.exp(2j * np.pi * turns)[None]

    def index_terms(self) -> tuple[Float[np.ndarray, "I L"], Int[np.ndarray, "n 1 A"]]:
        axes, size = self.num_actions - 1, self.num_followers + 1
        steps = np.append(0, size ** np.arange(axes)[::-1]).astype(np.int32)  # one more in a count
        return _by_index(self.table, axes), np.tile(steps, (self.num_followers, 1, 1))

    def at(self, points: Float[np.ndarray, "M L"]) -> AnonymousPayoff:
        return payoff_units.mixed(self, points, self.num_actions)

    def shifted(self, amount: np.ndarray, unit: Float[np.ndarray, "L"], scale: np.ndarray) -> AnonymousPayoff:
        return payoff_units.shifted(self, amount, unit, scale, self.num_actions)


def _by_index(table: Float[np.ndarray, "L *I"], axes: int) -> Float[np.ndarray, "I L"]:
    """[.., I, L]: the last so many axes in C order, before that of the leader's actions."""
    flat = np.reshape(table, (*np.shape(table)[: np.ndim(table) - axes], -1))
    return np.swapaxes(flat, -1, -2)


def joint_index(digits: Int[Array, "n"], base: int) -> Int[Array, ""]:
    """Position of a tuple of digits in C order: the last digit moves fastest. [] int32."""
    flat = jnp.zeros((), jnp.int32)
    for i in range(digits.shape[-1]):
        flat = flat * base + jnp.asarray(digits[i], jnp.int32)
    return flat


def _by_some_type(played: Bool[np.ndarray, "n K A"]) -> Bool[np.ndarray, "n A"]:
    """Actions that a follower of any type plays."""
    return np.asarray(played.any(axis=-2))
