"""Tokens of other makers, and those of attackers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
import time
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

import protobase_live as pb
from protobase_actors import ManualClock
from protobase_live.errors import Unauthorized, ValidationError
from protobase_live.server.authentication import Identity
from protobase_live.server.json_web_tokens import LATEST, Jwt, make_token

SECRET = b"a secret of at least thirty-two bytes"
RSA, ED = rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def pem(key) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form)


def rs256(signed: bytes) -> bytes:
    return RSA.sign(signed, padding.PKCS1v15(), hashes.SHA256())


def hs256(signed: bytes, secret: bytes = SECRET) -> bytes:
    return hmac.digest(secret, signed, hashlib.sha256)


SIGN = {"HS256": hs256, "RS256": rs256, "EdDSA": ED.sign, "none": lambda signed: b""}
KEYS = {"HS256": SECRET, "RS256": pem(RSA), "EdDSA": pem(ED)}


def made(alg: str, claims: dict, sign=None, **header) -> str:
    """A token, made by hand."""
    parts = [b64(json.dumps(each).encode()) for each in ({"alg": alg, **header}, claims)]
    signed = ".".join(parts)
    return f"{signed}.{b64((sign or SIGN[alg])(signed.encode()))}"


@pytest.fixture
def clock():
    return ManualClock(1_000_000.0)


@pytest.fixture
def claims(clock):
    return {"sub": "ann", "exp": int(clock.time()) + 600}


@pytest.fixture
def ann(claims):
    return Identity("ann", expires=claims["exp"] + 30)


@pytest.fixture
def jwt(tmp_path, clock):
    def make(alg: str, content: bytes | None = None, **options):
        path = tmp_path / alg
        path.write_bytes(KEYS[alg] if content is None else content)
        return Jwt(path, [alg], clock=clock, **options)

    return make


@pytest.mark.parametrize("alg", KEYS)
def test_who_has_a_good_token_is_its_subject(jwt, claims, ann, alg):
    accepts = jwt(alg)
    assert accepts(made(alg, claims)) == ann
    assert accepts(made(alg, {**claims, "read_only": True})) == replace(ann, read_only=True)


def test_the_key_of_a_set_is_chosen_by_its_name(jwt, claims, ann):
    keys = [
        {"kty": "oct", "kid": name, "k": b64(secret)} for name, secret in (("a", SECRET), ("b", SECRET[::-1]))
    ]
    accepts = jwt("HS256", json.dumps({"keys": keys}).encode())
    assert accepts(made("HS256", claims, kid="a")) == ann
    reversed_secret = lambda signed: hs256(signed, SECRET[::-1])  # noqa: E731
    assert accepts(made("HS256", claims, reversed_secret, kid="b")) == ann
    for kid in ("b", "c"):
        with pytest.raises(Unauthorized):
            accepts(made("HS256", claims, kid=kid))


@pytest.mark.parametrize("alg", KEYS)
def test_a_key_without_a_name_is_good_for_tokens_that_name_one(jwt, claims, ann, alg):
    accepts = jwt(alg)
    assert accepts(made(alg, claims, kid="as the maker calls it")) == ann
    with pytest.raises(Unauthorized):
        accepts(made(alg, claims, lambda signed: bytes(64), kid="as the maker calls it"))


def test_one_key_that_has_a_name_is_for_no_token_that_names_another(jwt, claims, ann):
    accepts = jwt("HS256", json.dumps({"kty": "oct", "kid": "a", "k": b64(SECRET)}).encode())
    assert accepts(made("HS256", claims, kid="a")) == accepts(made("HS256", claims)) == ann
    with pytest.raises(Unauthorized):
        accepts(made("HS256", claims, kid="b"))


def test_no_public_key_of_a_set_is_a_secret(jwt):
    with pytest.raises(ValidationError, match="no oct key"):
        jwt("HS256", json.dumps({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": b64(bytes(32))}]}).encode())


async def test_the_end_of_a_token_is_that_of_its_identity(jwt, clock, claims):
    """And not before it would be refused: a client that connects a moment before is let be as long."""
    accepts, late = jwt("HS256", leeway_seconds=5), claims["exp"] + 5
    assert accepts(made("HS256", claims)) == Identity("ann", expires=late)
    assert accepts(made("HS256", {**claims, "exp": 10**400})).expires == LATEST + 5
    await clock.advance(late - clock.time())
    with pytest.raises(Unauthorized, match="has expired"):
        accepts(made("HS256", claims))


FAR = 2**40


@pytest.mark.parametrize("alg", KEYS)
@pytest.mark.parametrize(
    "attack",
    [
        lambda alg, claims: made("none", claims),
        lambda alg, claims: made("None", claims, SIGN["none"]),
        lambda alg, claims: made(alg, claims, SIGN["none"]),
        lambda alg, claims: made("HS256", claims, lambda signed: hs256(signed, pem(RSA))),
        lambda alg, claims: made("HS256", claims, lambda signed: hs256(signed, b"")),
        lambda alg, claims: made("HS512" if alg == "HS256" else "HS256", claims, hs256),
        lambda alg, claims: made(alg, claims, crit=["new"], new=1),
        lambda alg, claims: made(alg, claims, lambda signed: bytes(64)),
        lambda alg, claims: made(alg, {**claims, "exp": 1}),
        lambda alg, claims: made(alg, {"sub": "ann"}),
        lambda alg, claims: made(alg, {**claims, "exp": "soon"}),
        lambda alg, claims: made(alg, {**claims, "nbf": FAR}),
        lambda alg, claims: made(alg, {"exp": claims["exp"]}),
        lambda alg, claims: made(alg, {**claims, "sub": 7}),
        lambda alg, claims: made(alg, {**claims, "read_only": "no"}),
        lambda alg, claims: made(alg, {**claims, "more": "x" * 9000}),
        lambda alg, claims: made(alg, ["ann"]),
        lambda alg, claims: made(alg, claims)[:-8],
        lambda alg, claims: made(alg, claims).replace(".", ":"),
        lambda alg, claims: "." * 2000,
        lambda alg, claims: b64(b'{"alg":' + b"[" * 5000) + ".e30.AA",
        lambda alg, claims: "\ud800",
        lambda alg, claims: "",
        lambda alg, claims: None,
    ],
)
def test_attacks_are_refused_without_a_word_of_the_token(jwt, claims, alg, attack):
    token = attack(alg, claims)
    with pytest.raises(Unauthorized) as refused:
        jwt(alg)(token)
    assert refused.value.__cause__ is None
    assert not any(len(each) > 3 and each in str(refused.value) for each in (token or "").split("."))


def test_clocks_may_be_a_little_apart(jwt, clock, claims):
    accepts, now = jwt("HS256", leeway_seconds=5), int(clock.time())
    assert accepts(made("HS256", {**claims, "exp": now - 4})).author == "ann"
    assert accepts(made("HS256", {**claims, "nbf": now + 5})).author == "ann"
    with pytest.raises(Unauthorized, match="has expired"):
        accepts(made("HS256", {**claims, "exp": now - 5}))


@pytest.mark.parametrize(("option", "claim"), [("audience", "aud"), ("issuer", "iss")])
def test_a_token_may_have_to_be_for_somebody_and_from_somebody(jwt, claims, ann, option, claim):
    accepts = jwt("HS256", **{option: "us"})
    assert accepts(made("HS256", {**claims, claim: "us"})) == ann
    for other in ({}, {claim: "them"}):
        with pytest.raises(Unauthorized):
            accepts(made("HS256", {**claims, **other}))


@pytest.mark.parametrize(
    ("alg", "content", "said"),
    [
        ("HS256", b"short", "at least 32 bytes"),
        ("HS256", pem(RSA), "no oct key"),
        ("HS256", b"{}", "no oct key"),
        ("HS256", b"{", "no oct key"),
        ("HS256", bytes(1024 * 1024 + 1), "at most 1048576 bytes"),
        ("RS256", pem(ED), "no RSA key"),
        ("RS256", SECRET, "no RSA key"),
        ("EdDSA", pem(RSA), "no OKP key"),
    ],
)
def test_a_file_without_a_key_that_fits(jwt, alg, content, said):
    with pytest.raises(ValidationError, match=said):
        jwt(alg, content)


@pytest.mark.parametrize("algorithms", [[], ["none"], ["HS256", "RS256"]])
def test_algorithms_are_named_and_of_one_type(tmp_path, algorithms):
    with pytest.raises(ValidationError, match="algorithm"):
        Jwt(tmp_path / "missing", algorithms)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ValidationError, match="No such file"):
        Jwt(tmp_path / "missing", ["HS256"])


def test_what_to_install_is_said(jwt, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "joserfc.jwt", None)
    for needs_it in (jwt, lambda alg: make_token(tmp_path / alg, alg, {})):
        with pytest.raises(ValidationError, match=r"joserfc.* pip install 'protobase-live\[jwt\]'"):
            needs_it("HS256")


async def test_it_is_an_authenticate_of_a_server(tmp_path, caplog):
    (tmp_path / "key").write_bytes(pem(RSA))
    claims = {"sub": "ann", "exp": int(time.time()) + 600}
    caplog.set_level("DEBUG", "protobase_live")
    async with (
        pb.open("memory:") as db,
        pb.Server(db, port=0, authenticate=Jwt(tmp_path / "key", ["RS256"])) as server,
    ):
        url = server.url.replace("http", "ws") + "/live"
        async with pb.connect(url, token=made("RS256", claims)) as remote:
            tasks = await remote.collection("tasks")
            async with tasks.changes() as changes:
                await tasks.insert({"title": "a"}, key="a")
                assert (await anext(changes)).author == "ann"
        token = made("RS256", claims, ED.sign)
        with pytest.raises(Unauthorized):
            await pb.connect(url, token=token).__aenter__()
        assert token.split(".")[2] not in caplog.text


def test_the_secret_is_not_shown(jwt):
    assert "secret of" not in repr(jwt("HS256"))
