"""Two nodes are linked if both know the secret, speak a common version, and have names of their own."""

from __future__ import annotations

import pytest

from protobase_live.errors import ProtocolError, Unauthorized, ValidationError
from protobase_live.protocol.peer.handshake import Handshake, check_secret
from protobase_live.protocol.peer.messages import Introduce

SECRET = b"0123456789abcdef"


def introduce(node: str, versions: tuple[int, ...] = (1,), nonce: bytes | None = None) -> Introduce:
    return Introduce(node, versions, node.encode() * 32 if nonce is None else nonce)


ONE, OTHER = introduce("a"), introduce("b")


def both(
    secret: bytes = SECRET, one: Introduce = ONE, other: Introduce = OTHER
) -> tuple[Handshake, Handshake]:
    """Both sides, which have met."""
    dialer, listener = Handshake(SECRET, one, dialed=True), Handshake(secret, other, dialed=False)
    dialer.meet(other)
    listener.meet(one)
    return dialer, listener


def test_who_know_the_secret_believe_each_other() -> None:
    dialer, listener = both()
    listener.check(dialer.proof())
    dialer.check(listener.proof())


def test_who_does_not_know_it_is_not_believed() -> None:
    dialer, listener = both(b"another secret..")
    for one, other in ((dialer, listener), (listener, dialer)):
        with pytest.raises(Unauthorized, match="another cluster secret"):
            one.check(other.proof())


def test_a_proof_is_no_proof_for_whoever_sends_it_back() -> None:
    for side in both():
        with pytest.raises(Unauthorized):
            side.check(side.proof())


def test_a_proof_is_good_for_one_connection_and_one_pair_of_nodes() -> None:
    dialer, _ = both()
    for other in (introduce("b", nonce=b"c" * 32), introduce("d", nonce=b"b" * 32)):
        _, listener = both(other=other)
        with pytest.raises(Unauthorized):
            listener.check(dialer.proof())


def test_versions_that_are_spoken_are_under_the_seal() -> None:
    """So nobody between can make both speak an older one."""
    dialer, _ = both(one=introduce("a", (1, 2)))
    _, listener = both(one=introduce("a", (1,)))
    with pytest.raises(Unauthorized):
        listener.check(dialer.proof())


def test_the_best_common_version_is_spoken() -> None:
    assert Handshake(SECRET, introduce("a", (1, 2, 3)), dialed=True).meet(introduce("b", (2, 3, 4))) == 3
    with pytest.raises(ProtocolError, match=r"'b' speaks versions 2, 3 .* this one 1; upgrade"):
        Handshake(SECRET, introduce("a"), dialed=True).meet(introduce("b", (2, 3)))


def test_what_cannot_be_a_node_of_the_cluster_is_refused() -> None:
    side = Handshake(SECRET, introduce("a"), dialed=True)
    with pytest.raises(ValidationError, match="two nodes are called 'a'"):
        side.meet(introduce("a"))
    with pytest.raises(ProtocolError, match="32 bytes, not 3"):
        side.meet(introduce("b", nonce=b"abc"))


def test_a_secret_has_enough_bytes() -> None:
    assert check_secret(b" 0123456789abcdef\n") == SECRET
    with pytest.raises(ValidationError, match="at least 16 bytes, not 3"):
        check_secret(b"abc\n")
