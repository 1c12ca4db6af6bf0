"""Reading a LevelDB folder without changing it: its log, its tables, and what they come to.

LevelDB itself rewrites a folder when it opens one, and its Python bindings lack wheels for newer Pythons.
"""

from protobase_live.cli.foreign.leveldb.damage import Damaged
from protobase_live.cli.foreign.leveldb.database import LevelDb

__all__ = ["Damaged", "LevelDb"]
