"""The command line: `run` simulates, `report` sums up what was simulated, `inspect` looks at one game.

Mistakes in what a person typed, or wrote into a file, end in one message and exit status 2; `--traceback`
shows where in the code they were noticed.
"""

from jaxstack.cli.commands import app, main

__all__ = ["app", "main"]
