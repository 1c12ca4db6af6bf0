"""JSON Web Tokens, with PyJWT as the other side: who is let in, and who is not."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

import protobase_live as pb
from protobase_live.server.jwt import MAX_TOKEN_CHARS, Jwt, make_token

NOW = 1_800_000_000
SECRET = "0123456789abcdef0123456789abcdef"
PRIVATE = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
CLAIMS: Mapping[str, Any] = {"sub": "ann", "exp": NOW + 60}


def at_now() -> float:
    return NOW


def public(algorithm: str) -> bytes:
    return PRIVATE[algorithm].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def private(algorithm: str) -> bytes:
    return PRIVATE[algorithm].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def file(folder: Path, content: str | bytes) -> Path:
    path = folder / "keys"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def theirs(algorithm: str, claims: Mapping[str, Any] = CLAIMS, **headers: Any) -> str:
    key = SECRET if algorithm.startswith("HS") else private(algorithm)
    return pyjwt.encode(dict(claims), key, algorithm, headers)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    return file(tmp_path, SECRET + "\n")


@pytest.mark.parametrize("algorithm", ["HS256", *PRIVATE])
def test_a_token_that_somebody_else_made_lets_its_subject_in(algorithm: str, tmp_path: Path) -> None:
    keys = file(tmp_path, SECRET if algorithm.startswith("HS") else public(algorithm))
    assert Jwt(keys, [algorithm], now=at_now)(theirs(algorithm)) == pb.Identity("ann")


@pytest.mark.parametrize("algorithm", ["HS256", *PRIVATE])
def test_a_token_that_is_made_here_is_good_elsewhere(algorithm: str, tmp_path: Path) -> None:
    keys = file(tmp_path, SECRET if algorithm.startswith("HS") else private(algorithm))
    token = make_token(keys, algorithm, CLAIMS)
    key = SECRET if algorithm.startswith("HS") else public(algorithm)
    assert pyjwt.decode(token, key, [algorithm], options={"verify_exp": False}) == CLAIMS


def test_of_a_set_of_keys_the_one_that_the_token_names_counts(tmp_path: Path) -> None:
    def jwk(number: int) -> dict[str, str]:
        encoded = base64.urlsafe_b64encode(f"{SECRET}{number}".encode()).rstrip(b"=").decode()
        return {"kty": "oct", "kid": f"k{number}", "k": encoded}

    verify = Jwt(file(tmp_path, json.dumps({"keys": [jwk(1), jwk(2)]})), ["HS256"], now=at_now)
    assert verify(pyjwt.encode(dict(CLAIMS), SECRET + "2", "HS256", {"kid": "k2"})) == pb.Identity("ann")
    for kid in ("k1", "k3"):
        with pytest.raises(pb.Unauthorized, match="none that is accepted"):
            verify(pyjwt.encode(dict(CLAIMS), SECRET + "2", "HS256", {"kid": kid}))


def test_who_may_only_read(secret: Path) -> None:
    told = theirs("HS256", {**CLAIMS, "read_only": True})
    assert Jwt(secret, ["HS256"], now=at_now)(told) == pb.Identity("ann", read_only=True)


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"sub": "ann"}, "claim 'exp' is missing"),
        ({"exp": NOW + 60}, "claim 'sub' is missing"),
        ({"sub": "ann", "exp": NOW - 31}, "has expired"),
        ({"sub": "ann", "exp": "soon"}, "claim 'exp' is missing or not what it has to be"),
        ({"sub": "ann", "exp": NOW + 60, "nbf": NOW + 31}, "none that is accepted|claim 'nbf'"),
        ({"sub": 7, "exp": NOW + 60}, "'sub'"),
        ({"sub": "ann", "exp": NOW + 60, "read_only": "no"}, "'read_only'"),
    ],
)
def test_claims_that_refuse(secret: Path, claims: Mapping[str, Any], why: str) -> None:
    with pytest.raises(pb.Unauthorized, match=why):
        Jwt(secret, ["HS256"], now=at_now)(_signed(claims))


def _signed(claims: Mapping[str, Any]) -> str:
    """PyJWT makes no token of claims that are wrong, but signs any bytes."""
    return pyjwt.api_jws.encode(json.dumps(claims).encode(), SECRET, "HS256")


def test_clocks_may_be_off_by_a_little(secret: Path) -> None:
    assert Jwt(secret, ["HS256"], now=at_now)(theirs("HS256", {"sub": "ann", "exp": NOW - 29}))


@pytest.mark.parametrize("wanted", [{"issuer": "us"}, {"audience": "app"}])
def test_a_token_of_or_for_somebody_else(secret: Path, wanted: Mapping[str, str]) -> None:
    verify = Jwt(secret, ["HS256"], now=at_now, **wanted)
    good = theirs("HS256", {**CLAIMS, "iss": "us", "aud": ["other", "app"]})
    assert verify(good) == pb.Identity("ann")
    for claims in (CLAIMS, {**CLAIMS, "iss": "them", "aud": "other"}):
        with pytest.raises(pb.Unauthorized, match=r"'(iss|aud)'"):
            verify(theirs("HS256", claims))


def test_a_public_key_is_no_secret(tmp_path: Path) -> None:
    """The old trick: sign with HS256, and the server's public key as the secret."""
    header, payload = (
        base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=")
        for each in ({"alg": "HS256", "typ": "JWT"}, CLAIMS)
    )
    signature = hmac.digest(public("RS256").strip(), header + b"." + payload, "sha256")
    forged = b".".join([header, payload, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()
    with pytest.raises(pb.Unauthorized, match="none that is accepted"):
        Jwt(file(tmp_path, public("RS256")), ["RS256"], now=at_now)(forged)


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(pyjwt.encode(dict(CLAIMS), None, "none"), id="no signature"),
        pytest.param(pyjwt.encode(dict(CLAIMS), "x" * 32, "HS256"), id="another secret"),
        pytest.param(pyjwt.encode(dict(CLAIMS), SECRET * 2, "HS512"), id="another algorithm"),
        pytest.param(theirs("HS256", crit=["what"], what=1), id="a header that has to be understood"),
        pytest.param(theirs("HS256")[:-2], id="cut off"),
        pytest.param(pyjwt.api_jws.encode(b"[1]", SECRET, "HS256"), id="no claims"),
        pytest.param(pyjwt.api_jws.encode(b"[" * 3_000, SECRET, "HS256"), id="deep"),
        pytest.param("", id="empty"),
        pytest.param("a.b.c", id="no token"),
        pytest.param("\N{SNOWMAN}", id="no ASCII"),
    ],
)
def test_what_is_no_token_of_ours_refuses(secret: Path, token: str) -> None:
    with pytest.raises(pb.Unauthorized, match="the token is none that is accepted here") as refused:
        Jwt(secret, ["HS256"], now=at_now)(token)
    assert not token or token not in str(refused.value)


def test_who_has_none_or_a_giant_one_is_refused(secret: Path) -> None:
    verify = Jwt(secret, ["HS256"], now=at_now)
    with pytest.raises(pb.Unauthorized, match="a token is needed"):
        verify(None)
    with pytest.raises(pb.Unauthorized, match=f"longer than {MAX_TOKEN_CHARS} characters"):
        verify("x" * (MAX_TOKEN_CHARS + 1))


@pytest.mark.parametrize(
    ("content", "algorithms", "why"),
    [
        (SECRET, ["none"], "there is no algorithm 'none'"),
        (SECRET, [], "an algorithm has to be named"),
        (SECRET, ["HS256", "RS256"], "do not go together"),
        (SECRET, ["RS256"], "neither PEM nor JSON"),
        ("short", ["HS256"], "has 5 bytes; at least 32"),
        ("{", ["HS256"], "has no key"),
        ('{"keys": 1}', ["HS256"], "has no key"),
        ('{"kty": "oct"}', ["HS256"], "has no key"),
        ("-----BEGIN PUBLIC KEY-----", ["RS256"], "has no key"),
        (public("RS256"), ["HS256"], "has no key"),
    ],
)
def test_keys_that_are_none(tmp_path: Path, content: str, algorithms: list[str], why: str) -> None:
    with pytest.raises(pb.ValidationError, match=why):
        Jwt(file(tmp_path, content), algorithms)


def test_keys_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(pb.ValidationError, match="cannot be read: No such file"):
        Jwt(tmp_path / "none", ["HS256"])


def test_a_public_key_signs_nothing(tmp_path: Path) -> None:
    with pytest.raises(pb.ValidationError, match="signs nothing with RS256"):
        make_token(file(tmp_path, public("RS256")), "RS256", CLAIMS)
