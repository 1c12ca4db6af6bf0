"""Tokens with PyJWT at the other side: who is let in there is here, and the other way round."""

from __future__ import annotations

import time
from pathlib import Path

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

import protobase_live as pb
from protobase_live.server.json_web_tokens import make_token

SECRET = b"0123456789abcdef0123456789abcdef"
PAIRS = {"RS256": rsa.generate_private_key(65537, 2048), "EdDSA": ed25519.Ed25519PrivateKey.generate()}
PRIVATE = {"HS256": SECRET} | {
    name: pair.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for name, pair in PAIRS.items()
}
PUBLIC = {"HS256": SECRET} | {
    name: pair.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for name, pair in PAIRS.items()
}


@pytest.fixture
def claims() -> dict[str, object]:
    """Of a token that is good for the day."""
    return {"sub": "ann", "exp": int(time.time()) + 86_400, "aud": "app", "iss": "us"}


@pytest.mark.parametrize("algorithm", PRIVATE)
def test_what_was_made_there_is_taken_here(algorithm: str, tmp_path: Path, claims: dict[str, object]) -> None:
    (tmp_path / "keys").write_bytes(PUBLIC[algorithm])
    there = pyjwt.encode(claims, PRIVATE[algorithm], algorithm)
    accepts = pb.Jwt(tmp_path / "keys", [algorithm], audience="app", issuer="us")
    assert accepts(there) == pb.Identity("ann", expires=claims["exp"] + accepts.leeway_seconds)
    with pytest.raises(pb.Unauthorized):
        accepts(pyjwt.encode({**claims, "aud": "other"}, PRIVATE[algorithm], algorithm))


@pytest.mark.parametrize("algorithm", PRIVATE)
def test_what_was_made_here_is_taken_there(algorithm: str, tmp_path: Path, claims: dict[str, object]) -> None:
    (tmp_path / "keys").write_bytes(PRIVATE[algorithm])
    here = make_token(tmp_path / "keys", algorithm, claims)
    assert pyjwt.decode(here, PUBLIC[algorithm], [algorithm], audience="app", issuer="us") == claims


def test_a_public_key_signs_nothing(tmp_path: Path, claims: dict[str, object]) -> None:
    (tmp_path / "keys").write_bytes(PUBLIC["RS256"])
    with pytest.raises(pb.ValidationError, match="signs nothing"):
        make_token(tmp_path / "keys", "RS256", claims)
