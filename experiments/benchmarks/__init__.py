"""Every claim of speed and memory, measured by one command: `python -m experiments.benchmarks`.

A case is a function of `quick` in `cases/` that yields rows. Whatever is compared runs side by side in one
process, in turn (A B A B ...), and the ratio is the median of the ratios of neighbours: a machine that slows
down slows both. Timings never assert.
"""

import os

# Read when NumPy and SciPy are loaded: products within numba tasks and NumPy loops are too small to share.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
