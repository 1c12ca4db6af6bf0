"""The keys that tokens are checked with, as they stand in files and behind URLs. Needs the extra ``jwt``."""

from __future__ import annotations

import json
from collections.abc import Collection
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from protobase_live.errors import ValidationError

if TYPE_CHECKING:
    from joserfc.jwk import Key, KeySet

    Keys = Key | KeySet

ALGORITHMS = {"HS256": "oct", "RS256": "RSA", "EdDSA": "OKP", "Ed25519": "OKP"}
"""Those that may be named, and the type of the keys that each is for."""

MAX_KEY_BYTES = 1024 * 1024
"""Longest file with keys; a longer one raises ValidationError."""

LEAST_SECRET_BYTES = 32
"""Shortest secret of HS256 (RFC 7518, 3.2); a shorter one raises ValidationError."""


def key_type(algorithms: Collection[str]) -> str:
    """The one type of keys that all of them are for: no key may be taken for one of another type."""
    if unknown := sorted(set(algorithms) - ALGORITHMS.keys()):
        raise ValidationError(f"{unknown[0]!r} is no algorithm for tokens; choose of {', '.join(ALGORITHMS)}")
    types = {ALGORITHMS[name] for name in algorithms}
    if len(types) != 1:
        raise ValidationError("name the algorithms of tokens explicitly, all for the same type of keys")
    return types.pop()


def require_library() -> None:
    """Raises ValidationError where it is missing."""
    try:
        import_module("joserfc.jwt")
    except ImportError as error:
        raise ValidationError(
            f"tokens need the package {error.name}: pip install 'protobase-live[jwt]'"
        ) from None


def to_choose_of(keys: list[Key]) -> Key | KeySet:
    """One key without a name is for every token, whatever that calls it (``kid``); else the name chooses."""
    from joserfc.jwk import KeySet

    return KeySet(keys) if len(keys) > 1 or keys[0].kid else keys[0]


def keys_of_file(path: Path, kind: str) -> list[Key]:
    """The keys of this type in a file. Raises ValidationError, which quotes nothing of it."""
    require_library()
    try:
        with path.open("rb") as file:
            content = file.read(MAX_KEY_BYTES + 1)
    except OSError as error:
        raise ValidationError(f"{path}: {error.strerror}") from None
    if len(content) > MAX_KEY_BYTES:
        raise ValidationError(f"{path}: a file with keys has at most {MAX_KEY_BYTES} bytes")
    return keys_in(content, kind, str(path))


def keys_in(content: bytes, kind: str, where: str) -> list[Key]:
    """The keys of this type in what was found there. Raises ValidationError, which quotes nothing of it."""
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key

    try:
        forms = (form for form in _forms(content) if _is_of(form, kind))
        keys: list[Any] = [import_key(form, cast(Any, kind)) for form in forms]
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        raise ValidationError(f"{where}: there is no {kind} key in it that can be read") from None
    if not keys:
        raise ValidationError(f"{where}: there is no {kind} key in it")
    if kind == "oct" and any(len(key.raw_value) < LEAST_SECRET_BYTES for key in keys):
        raise ValidationError(f"{where}: a secret has at least {LEAST_SECRET_BYTES} bytes")
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
