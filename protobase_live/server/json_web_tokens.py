"""JSON Web Tokens (RFC 7519) as an `Authenticate`. Needs the extra ``jwt``."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from protobase_actors import Clock, SystemClock
from protobase_live.errors import Unauthorized, ValidationError
from protobase_live.server.authentication import Identity

if TYPE_CHECKING:
    from joserfc.jwk import Key, KeySet
    from joserfc.jwt import ClaimsOption

ALGORITHMS = {"HS256": "oct", "RS256": "RSA", "EdDSA": "OKP", "Ed25519": "OKP"}
"""Those that may be named, and the type of the keys that each is for."""

MAX_TOKEN_CHARS = 8192
"""Longest token; a longer one is not read."""

MAX_KEY_BYTES = 1024 * 1024
"""Longest file with keys; a longer one raises ValidationError."""

LEAST_SECRET_BYTES = 32
"""Shortest secret of HS256 (RFC 7518, 3.2); a shorter one raises ValidationError."""


@dataclass(frozen=True, slots=True)
class Jwt:
    """An `Authenticate` that lets in who has a token that was signed with one of some keys.

    The claim ``sub`` is the author of what the client commits, and has to be there, as has ``exp``, the end
    of the token in seconds since 1970. A claim ``read_only`` that is true makes a reader of the client. The
    end is looked at when a client connects; a connection that is open goes on.
    """

    keys: str | Path
    """A file: PEM with a public key, JSON with a key or a set of keys (RFC 7517), or a secret, as it is."""
    algorithms: Collection[str]
    """Which ones a token may be signed with, of `ALGORITHMS`; all of them for one type of keys."""
    audience: str | None = None
    """Who the token has to be for (``aud``); None: whoever."""
    issuer: str | None = None
    """Who has to have made it (``iss``); None: whoever has the key."""
    leeway_seconds: int = 30
    """How far the clocks of who makes tokens and of this machine may be apart."""
    clock: Clock = field(default_factory=SystemClock)
    _keys: Key | KeySet = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Read the keys. Raises ValidationError, which says what is wrong with them or the algorithms."""
        keys = _keys_in(Path(self.keys), _key_type(self.algorithms))
        object.__setattr__(self, "_keys", _to_choose_of(keys))

    def __call__(self, token: str | None) -> Identity:
        """See `Authenticate`. Raises Unauthorized, without a word of the token."""
        if token is None:
            raise Unauthorized("a token is needed")
        if len(token) > MAX_TOKEN_CHARS:
            raise Unauthorized(f"a token has at most {MAX_TOKEN_CHARS} characters")
        claims = self._claims(token)
        read_only = claims.get("read_only", False)
        if not isinstance(read_only, bool):
            raise Unauthorized("the claim read_only of the token is neither true nor false")
        return Identity(claims["sub"], read_only, claims=claims)

    def _claims(self, token: str) -> dict[str, Any]:
        from joserfc import jwt
        from joserfc.errors import ExpiredTokenError, JoseError

        try:
            decoded = jwt.decode(token, self._keys, list(self.algorithms))
            now = int(self.clock.time())
            jwt.JWTClaimsRegistry(now, self.leeway_seconds, **self._wanted()).validate(decoded.claims)
            return decoded.claims
        except ExpiredTokenError:
            raise Unauthorized("the token has expired") from None
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
    [key, *_] = _keys_in(Path(keys), _key_type([algorithm]))
    from joserfc import jwt
    from joserfc.errors import JoseError

    try:
        return jwt.encode({"alg": algorithm}, dict(claims), key, [algorithm])
    except (JoseError, ValueError, TypeError) as error:
        raise ValidationError(f"{keys}: its key signs nothing: {error}") from None


def _key_type(algorithms: Collection[str]) -> str:
    """The one type of keys that all of them are for: no key may be taken for one of another type."""
    if unknown := sorted(set(algorithms) - ALGORITHMS.keys()):
        raise ValidationError(f"{unknown[0]!r} is no algorithm for tokens; choose of {', '.join(ALGORITHMS)}")
    types = {ALGORITHMS[name] for name in algorithms}
    if len(types) != 1:
        raise ValidationError("name the algorithms of tokens explicitly, all for the same type of keys")
    return types.pop()


def _require_library() -> None:
    """Raises ValidationError where it is missing."""
    try:
        import_module("joserfc.jwt")
    except ImportError as error:
        raise ValidationError(
            f"tokens need the package {error.name}: pip install 'protobase-live[jwt]'"
        ) from None


def _to_choose_of(keys: list[Key]) -> Key | KeySet:
    """One key without a name is for every token, whatever that calls it (``kid``); else the name chooses."""
    from joserfc.jwk import KeySet

    return KeySet(keys) if len(keys) > 1 or keys[0].kid else keys[0]


def _keys_in(path: Path, kind: str) -> list[Key]:
    """The keys of this type in a file. Raises ValidationError, which quotes nothing of it."""
    _require_library()
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key

    try:
        with path.open("rb") as file:
            content = file.read(MAX_KEY_BYTES + 1)
        if len(content) > MAX_KEY_BYTES:
            raise ValidationError(f"{path}: a file with keys has at most {MAX_KEY_BYTES} bytes")
        forms = (form for form in _forms(content) if _is_of(form, kind))
        keys: list[Any] = [import_key(form, cast(Any, kind)) for form in forms]
    except OSError as error:
        raise ValidationError(f"{path}: {error.strerror}") from None
    except (JoseError, ValueError, TypeError, KeyError):
        raise ValidationError(f"{path}: there is no {kind} key in it that can be read") from None
    if not keys:
        raise ValidationError(f"{path}: there is no {kind} key in it")
    if kind == "oct" and any(len(key.raw_value) < LEAST_SECRET_BYTES for key in keys):
        raise ValidationError(f"{path}: a secret has at least {LEAST_SECRET_BYTES} bytes")
    return keys


def _forms(content: bytes) -> list[Any]:
    """The keys as they are written: objects of JSON, or all of the file."""
    content = content.strip()
    if not content.startswith(b"{"):
        return [content]
    found = json.loads(content)
    return found.get("keys", [found])


def _is_of(form: Any, kind: str) -> bool:
    """Whether a key is of this type, and none that is public and would be known as a secret by everybody."""
    if isinstance(form, bytes):
        return (kind == "oct") != form.startswith(b"-----BEGIN")
    return form["kty"] == kind and form.get("use", "sig") == "sig"
