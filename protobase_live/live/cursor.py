from protobase_live.cursor import *
