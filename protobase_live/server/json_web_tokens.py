"""JSON Web Tokens (RFC 7519) as an `Authenticate`. Needs the extra ``jwt``."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protobase_actors import Clock, SystemClock
from protobase_live.errors import Unauthorized, ValidationError
from protobase_live.limits import check_limits
from protobase_live.model.arguments import require, texts
from protobase_live.server.authentication import Identity
from protobase_live.server.limits import DEFAULT_SERVER_LIMITS, ServerLimits
from protobase_live.server.remote_keys import RemoteKeys, is_url
from protobase_live.server.token_keys import key_type, keys_of_file, to_choose_of

if TYPE_CHECKING:
    from joserfc.jwt import ClaimsOption

    from protobase_live.server.token_keys import Keys

MAX_TOKEN_CHARS = 8192
"""Longest token; a longer one is not read."""

LATEST = 2**53
"""No token ends later, in seconds since 1970: an integer may be too large for a clock."""


class UnknownKey(Unauthorized):
    """A token names a key that is not among those that are known."""


@dataclass(frozen=True, slots=True)
class Jwt:
    """An `Authenticate` that lets in who has a token that was signed with one of some keys.

    The claim ``sub`` is the author of what the client commits, and has to be there, as has ``exp``, the end
    of the token in seconds since 1970: so long, and ``leeway_seconds`` more, connections are let be. A claim
    ``read_only`` that is true makes a reader of the client.
    """

    keys: str | Path
    """A file: PEM with a public key, JSON with a key or a set of keys (RFC 7517), or a secret, as it is. Or a
    URL with such a set, ``https://...``: it is fetched when the first token comes, again when a token names
    a key that is not in it, and from time to time, within ``limits`` (``jwks_...``).
    """
    algorithms: Collection[str]
    """Which ones a token may be signed with, of `ALGORITHMS`; all of them for one type of keys."""
    audience: str | None = None
    """Who the token has to be for (``aud``); None: whoever."""
    issuer: str | None = None
    """Who has to have made it (``iss``); None: whoever has the key."""
    leeway_seconds: int = 30
    """How far the clocks of who makes tokens and of this machine may be apart."""
    clock: Clock = field(default_factory=SystemClock)
    limits: ServerLimits = DEFAULT_SERVER_LIMITS
    _keys: Keys | RemoteKeys = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Read the keys. Raises ValidationError, which says what is wrong with them or other arguments."""
        self._require_types()
        kind = key_type(self.algorithms)
        if is_url(self.keys):
            keys = RemoteKeys(str(self.keys), kind, self.clock, self.limits)
        else:
            keys = to_choose_of(keys_of_file(Path(self.keys), kind))
        object.__setattr__(self, "_keys", keys)

    def _require_types(self) -> None:
        given: dict[str, Any] = {each.name: getattr(self, each.name) for each in fields(self) if each.init}
        check_limits(limits=(self.limits, ServerLimits))
        require(isinstance(given["keys"], str | Path), "keys=", "a file or a URL", given["keys"])
        texts("algorithms=", "a list such as ['RS256']", given["algorithms"])
        for name in ("audience", "issuer"):
            require(given[name] is None or isinstance(given[name], str), f"{name}=", "a str", given[name])
        leeway = given["leeway_seconds"]
        is_number = isinstance(leeway, int | float) and not isinstance(leeway, bool)
        right = "a number of seconds, 0 or more"
        require(is_number and leeway >= 0, "leeway_seconds=", right, leeway)

    def __call__(self, token: str | None) -> Identity | Awaitable[Identity]:
        """See `Authenticate`. Raises Unauthorized, without a word of the token, and Unavailable for keys that
        have to be fetched and cannot be.
        """
        if token is None:
            raise Unauthorized("a token is needed")
        if len(token) > MAX_TOKEN_CHARS:
            raise Unauthorized(f"a token has at most {MAX_TOKEN_CHARS} characters")
        if isinstance(self._keys, RemoteKeys):
            return self._identity_by(self._keys, token)
        return self._identity(token, self._keys)

    async def _identity_by(self, remote: RemoteKeys, token: str) -> Identity:
        try:
            return self._identity(token, await remote.get())
        except UnknownKey:
            return self._identity(token, await remote.get_newer())

    def _identity(self, token: str, keys: Keys) -> Identity:
        claims = self._claims(token, keys)
        read_only = claims.get("read_only", False)
        if not isinstance(read_only, bool):
            raise Unauthorized("the claim read_only of the token is neither true nor false")
        expires = min(claims["exp"], LATEST) + self.leeway_seconds
        return Identity(claims["sub"], read_only, expires, claims)

    def _claims(self, token: str, keys: Keys) -> dict[str, Any]:
        from joserfc import jwt
        from joserfc.errors import ExpiredTokenError, InvalidKeyIdError, JoseError

        try:
            decoded = jwt.decode(token, keys, list(self.algorithms))
            now = int(self.clock.time())
            jwt.JWTClaimsRegistry(now, self.leeway_seconds, **self._wanted()).validate(decoded.claims)
            return decoded.claims
        except ExpiredTokenError:
            raise Unauthorized("the token has expired") from None
        except InvalidKeyIdError:
            raise UnknownKey("the token is not accepted: it names a key that is not known") from None
        except JoseError as error:
            raise Unauthorized(f"the token is not accepted: {error.error}") from None
        except (ValueError, TypeError, RecursionError):  # of what is no token, in the library's parts
            raise Unauthorized("the token is not accepted: it is none") from None

    def _wanted(self) -> dict[str, ClaimsOption]:
        wanted: dict[str, ClaimsOption] = {"sub": {"essential": True}, "exp": {"essential": True}}
        for name, value in (("aud", self.audience), ("iss", self.issuer)):
            if value is not None:
                wanted[name] = {"essential": True, "value": value}
        return wanted


def make_token(keys: str | Path, algorithm: str, claims: Mapping[str, Any]) -> str:
    """A token with these claims, signed with the key in a file: a private one, or a secret.

    Raises ValidationError.
    """
    [key, *_] = keys_of_file(Path(keys), key_type([algorithm]))
    from joserfc import jwt
    from joserfc.errors import JoseError

    try:
        return jwt.encode({"alg": algorithm}, dict(claims), key, [algorithm])
    except (JoseError, ValueError, TypeError) as error:
        raise ValidationError(f"{keys}: its key signs nothing: {error}") from None
