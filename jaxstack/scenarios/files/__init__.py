"""Games as files: JSON to read and write by hand, NPZ for large ones; CSV tables and Gambit's .nfg of others.

JSON and NPZ hold the same document; an NPZ file holds its arrays beside it, under their dotted field names.
Reading executes nothing, allocates nothing that the file does not contain, and gives back the float64 that
was saved. `tables` and `datasets` also take and give objects of pandas and xarray.
"""

from jaxstack.scenarios.files.datasets import from_dataset, to_dataset
from jaxstack.scenarios.files.document import FORMAT, VERSION, GameFile
from jaxstack.scenarios.files.encoding import MAX_FILE_BYTES
from jaxstack.scenarios.files.game_file import convert_game, load_game, load_game_file, save_game
from jaxstack.scenarios.files.tables import from_frame, to_frame

__all__ = [
    "FORMAT",
    "MAX_FILE_BYTES",
    "VERSION",
    "GameFile",
    "convert_game",
    "from_dataset",
    "from_frame",
    "load_game",
    "load_game_file",
    "save_game",
    "to_dataset",
    "to_frame",
]
