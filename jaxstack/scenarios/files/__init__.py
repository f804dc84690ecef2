"""Games as files: JSON to read and write by hand, NPZ for large ones.

Both hold the same document; an NPZ file holds its arrays beside it, under their dotted field names. Reading
executes nothing, allocates nothing that the file does not contain, and gives back the float64 that was saved.
"""

from jaxstack.scenarios.files.document import FORMAT, VERSION, GameFile
from jaxstack.scenarios.files.encoding import MAX_FILE_BYTES
from jaxstack.scenarios.files.game_file import load_game, load_game_file, save_game

__all__ = ["FORMAT", "MAX_FILE_BYTES", "VERSION", "GameFile", "load_game", "load_game_file", "save_game"]
