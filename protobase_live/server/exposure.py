"""Whether a server may let everybody in: on this machine alone, unless that is said."""

from __future__ import annotations

import logging
from typing import Any, cast

from protobase_live.errors import ValidationError
from protobase_live.model.arguments import require, require_flags
from protobase_live.server.authentication import Authenticate, anonymous
from protobase_live.server.origins import is_loopback

_log = logging.getLogger(__name__)


def check_exposure(host: str, authenticate: Authenticate, *, insecure: bool) -> None:
    """Raises ValidationError for a server on ``host`` that would let in everybody from other machines, unless
    it is ``insecure``, which the log tells; and for arguments of another type.
    """
    require(isinstance(cast(Any, host), str), "host=", "an address such as '127.0.0.1'", host)
    require_flags(insecure=insecure)
    if authenticate is not anonymous or is_loopback(host):
        return
    if not insecure:
        raise ValidationError(
            f"a server on {host or 'all addresses'} lets in everybody who can reach it: say with --jwt-keys "
            "FILE and --jwt-algorithm NAME (authenticate= of pb.Server) whose tokens are good, or with "
            "--insecure (insecure=True) that all may do everything"
        )
    told = "everybody who can reach %s may read and write everything (--insecure)"
    _log.warning(told, host, extra={"event": "insecure"})
