"""Pictures: regret against rounds and any axis of a sweep, regions and visits to them, what a log speaks for.

Every function returns a `matplotlib.figure.Figure` that belongs to no window and no global state; write it
with `figure.savefig(path)`. Colours are told apart with any colour vision (those of Okabe and Ito first), and
every line has a dash pattern and a marker of its own besides.
"""

from jaxstack.plots.advice import advice
from jaxstack.plots.by_axis import final_regret
from jaxstack.plots.by_region import regions
from jaxstack.plots.by_rounds import regret_curves
from jaxstack.plots.by_two_axes import heat_map
from jaxstack.plots.visits import region_visits

__all__ = ["advice", "final_regret", "heat_map", "region_visits", "regions", "regret_curves"]
