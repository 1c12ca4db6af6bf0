"""How two nodes show each other that they know the cluster's secret, without saying it.

Each sends 32 random bytes, and the HMAC-SHA256, keyed with the secret, of the other's bytes together with
everything both have said: who they are, which versions they speak, and who of them has dialed. So an answer
cannot be sent back to its author, nor taken to another node.
"""

from __future__ import annotations

import hashlib
import hmac

from protobase_live.errors import ProtocolError, Unauthorized, ValidationError
from protobase_live.protocol.packing import pack
from protobase_live.protocol.peer.messages import Introduce

VERSIONS = (1,)
"""Versions of the protocol that this release speaks, the best one last."""

NONCE_BYTES = 32
LEAST_SECRET_BYTES = 16


class Handshake:
    """One side of it."""

    def __init__(self, secret: bytes, own: Introduce, *, dialed: bool) -> None:
        """``dialed``: whether this side has opened the connection."""
        self._secret = secret
        self._own = own
        self._dialed = dialed
        self._other: Introduce | None = None

    def meet(self, other: Introduce) -> int:
        """The other side has introduced itself; answers with the version that both speak best.

        Raises ProtocolError if there is none, and ValidationError if it cannot be a node of this cluster.
        """
        common = set(self._own.versions) & set(other.versions)
        if not common:
            raise ProtocolError(
                f"node {other.node!r} speaks versions {_listed(other.versions)} of the peer protocol, this "
                f"one {_listed(self._own.versions)}; upgrade the older node"
            )
        if other.node == self._own.node:
            raise ValidationError(
                f"two nodes are called {other.node!r}; each needs an id of its own (node-id)"
            )
        if len(other.nonce) != NONCE_BYTES:
            raise ProtocolError(f"a challenge has {NONCE_BYTES} bytes, not {len(other.nonce)}")
        self._other = other
        return max(common)

    def proof(self) -> bytes:
        """What shows the other side that this one knows the secret."""
        return self._proof(by_dialer=self._dialed)

    def check(self, proof: bytes) -> None:
        """Raises Unauthorized unless the other side knows the secret."""
        if not hmac.compare_digest(proof, self._proof(by_dialer=not self._dialed)):
            raise Unauthorized("the other node has another cluster secret")

    def _proof(self, *, by_dialer: bool) -> bytes:
        assert self._other is not None, "meet comes first"
        first, second = (self._own, self._other) if self._dialed else (self._other, self._own)
        said = [(each.node, each.versions, each.nonce) for each in (first, second)]
        role = b"dialer" if by_dialer else b"listener"
        return hmac.new(self._secret, role + pack(said), hashlib.sha256).digest()


def check_secret(secret: bytes) -> bytes:
    """The secret without white space around it. Raises ValidationError if it is too short to be one."""
    stripped = secret.strip()
    if len(stripped) < LEAST_SECRET_BYTES:
        raise ValidationError(
            f"a cluster secret has at least {LEAST_SECRET_BYTES} bytes, not {len(stripped)}; "
            "make one with: openssl rand -base64 32"
        )
    return stripped


def _listed(versions: tuple[int, ...]) -> str:
    return ", ".join(map(str, versions)) or "none"
