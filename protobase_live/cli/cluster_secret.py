"""The secret that the nodes of a cluster have in common, read from a file."""

from __future__ import annotations

import logging
import os
import stat

from protobase_live.errors import ValidationError
from protobase_live.protocol.peer.handshake import check_secret

MOST_BYTES = 4_096
"""A file with more bytes is taken for another one."""

_log = logging.getLogger(__name__)


def read_secret(path: str) -> bytes:
    """The secret in the file at ``path``, without white space around it. Warns if other users may read it.

    Raises ValidationError, which names the file, if it cannot be read or has no secret in it.
    """
    try:
        with open(path, "rb") as file:
            others_may = os.fstat(file.fileno()).st_mode & stat.S_IROTH
            secret = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ValidationError(f"cluster_secret_file {path!r}: {error.strerror}") from error
    if len(secret) > MOST_BYTES:
        raise ValidationError(f"cluster_secret_file {path!r}: more than {MOST_BYTES} bytes are no secret")
    if others_may:
        told = "all users of this machine may read %r, the cluster's secret: chmod 600 it"
        _log.warning(told, path, extra={"event": "secret_readable"})
    try:
        return check_secret(secret)
    except ValidationError as error:
        raise ValidationError(f"cluster_secret_file {path!r}: {error}") from None
