"""Where changes used to live; see protobase_live.change."""
from protobase_live.change import *
