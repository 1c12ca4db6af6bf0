"""The client: the embedded API over the wire."""

from protobase_live.client.connecting import connect
from protobase_live.client.limits import ClientLimits
from protobase_live.client.remote_database import RemoteDatabase
from protobase_live.client.remote_stream import RemoteChangeStream

__all__ = ["ClientLimits", "RemoteChangeStream", "RemoteDatabase", "connect"]
