"""One spec and one short script per claim; the benchmarks are `python -m experiments.benchmarks`."""
