"""JSON Web Tokens (RFC 7519) as an `Authenticate`, checked and made by joserfc."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from protobase_live.errors import Unauthorized, ValidationError
from protobase_live.server.authentication import Identity

ALGORITHMS = ("HS256", "HS384", "HS512", "RS256", "PS256", "ES256", "EdDSA", "Ed25519")
"""Those that may be named. One has to be: which key fits which algorithm is not the token's to say."""

LEEWAY_SECONDS = 30.0
"""How far the clock of who made a token may be off."""

MAX_TOKEN_CHARS = 8_192
"""Longest token; a longer one refuses its client before anything of it is looked at."""

MIN_SECRET_BYTES = 32
"""Shortest secret of HS256; a shorter one can be guessed (RFC 7518, section 3.2)."""


class Jwt:
    """Lets in who has a token that one of the keys has signed and that has not expired.

    Its claim ``sub`` is the author of the client's commits; ``"read_only": true`` lets it only read.
    """

    def __init__(
        self,
        keys: str | Path,
        algorithms: Sequence[str],
        *,
        issuer: str | None = None,
        audience: str | None = None,
        leeway_seconds: float = LEEWAY_SECONDS,
        now: Callable[[], float] = time.time,
    ) -> None:
        """``keys`` is a file: a public key as PEM, a JWK or a set of them as JSON (RFC 7517), or a secret.

        Where ``issuer`` or ``audience`` is given, the token's ``iss`` or ``aud`` has to be it. ``now`` is in
        Unix seconds. Raises ValidationError.
        """
        self._algorithms = _checked(algorithms)
        self._keys = read_keys(keys, self._algorithms)
        self._now = now
        self._leeway = leeway_seconds
        wanted = {"iss": issuer, "aud": audience}
        self._wanted = {name: {"essential": True, "value": value} for name, value in wanted.items() if value}

    def __call__(self, token: str | None) -> Identity:
        """Who has this token. Raises Unauthorized, which never tells anything of the token."""
        if token is None:
            raise Unauthorized("a token is needed")
        if len(token) > MAX_TOKEN_CHARS:
            raise Unauthorized(f"the token is longer than {MAX_TOKEN_CHARS} characters")
        claims = self._claims(token)
        subject, read_only = claims["sub"], claims.get("read_only", False)
        if not isinstance(subject, str) or not isinstance(read_only, bool):
            raise Unauthorized("the token's claims 'sub' and 'read_only' are to be a text and a boolean")
        return Identity(subject, read_only)

    def _claims(self, token: str) -> Mapping[str, Any]:
        jose = _jose()
        options = {"sub": {"essential": True}, "exp": {"essential": True}, **self._wanted}
        registry = jose.jwt.JWTClaimsRegistry(lambda: int(self._now()), int(self._leeway), **options)
        try:
            found = jose.jwt.decode(token, self._keys, algorithms=list(self._algorithms))
            registry.validate(found.claims)
        except jose.errors.ExpiredTokenError:
            raise Unauthorized("the token has expired") from None
        except jose.errors.ClaimError as error:
            raise Unauthorized(
                f"the token's claim {error.claim!r} is missing or not what it has to be"
            ) from None
        except (jose.errors.JoseError, ValueError, TypeError, RecursionError):
            raise Unauthorized("the token is none that is accepted here") from None
        return cast("Mapping[str, Any]", found.claims)


def make_token(keys: str | Path, algorithm: str, claims: Mapping[str, Any]) -> str:
    """A token with these claims, signed with the key in a file (for RS256 and the like the private one).

    Raises ValidationError.
    """
    [checked] = _checked([algorithm])
    jose, key = _jose(), read_keys(keys, [checked])
    try:
        return cast("str", jose.jwt.encode({"alg": checked}, dict(claims), key, algorithms=[checked]))
    except (jose.errors.JoseError, ValueError, TypeError) as error:
        raise ValidationError(f"the key in {keys} signs nothing with {checked}: {error}") from None


def read_keys(path: str | Path, algorithms: Sequence[str]) -> Any:
    """The keys in a file, as joserfc takes them. Raises ValidationError, which never tells what is in it."""
    try:
        content = Path(path).read_bytes().strip()
    except OSError as error:
        raise ValidationError(f"the keys in {path} cannot be read: {error.strerror}") from None
    jose = _jose()
    try:
        if content.startswith(b"{"):
            told = json.loads(content)
            return jose.jwk.KeySet.import_key_set(told) if "keys" in told else jose.jwk.import_key(told)
        if content.startswith(b"-----BEGIN"):
            kind = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}[algorithms[0][:2]]
            return jose.jwk.import_key(content, kind)
    except (jose.errors.JoseError, ValueError, TypeError, KeyError):
        names = " or ".join(algorithms)
        raise ValidationError(f"{path} has no key, or set of keys, for {names}") from None
    if not all(each.startswith("HS") for each in algorithms):
        raise ValidationError(f"{path} is neither PEM nor JSON, so a secret: those are for HS256 alone")
    if len(content) < MIN_SECRET_BYTES:
        raise ValidationError(f"the secret in {path} has {len(content)} bytes; at least {MIN_SECRET_BYTES}")
    return jose.jwk.import_key(content, "oct")


def _checked(algorithms: Sequence[str]) -> Sequence[str]:
    unknown = [each for each in algorithms if each not in ALGORITHMS]
    if unknown or not algorithms:
        said = f"there is no algorithm {unknown[0]!r}" if unknown else "an algorithm has to be named"
        raise ValidationError(f"{said}; choose of {', '.join(ALGORITHMS)}")
    if len({each.startswith("HS") for each in algorithms}) > 1:
        raise ValidationError("algorithms with a secret and those with a key pair do not go together")
    return tuple(algorithms)


def _jose() -> Any:
    """joserfc, which comes with an extra. Raises ValidationError."""
    try:
        from joserfc import errors, jwk, jwt
    except ImportError:
        raise ValidationError("tokens need the package joserfc: pip install 'protobase-live[jwt]'") from None
    return SimpleNamespace(errors=errors, jwk=jwk, jwt=jwt)
