"""Every limit of the client, in one place."""

from __future__ import annotations

from dataclasses import dataclass

from protobase_live.transactions.limits import TransactionLimits


@dataclass(frozen=True, slots=True)
class ClientLimits(TransactionLimits):
    """What a `RemoteDatabase` holds and how long it waits; the comment says what happens at the limit."""

    connect_seconds: float = 10.0  # for the first connection: `connect` raises Unavailable
    attempt_seconds: float = 10.0  # for one connection with its welcome: the next attempt follows
    switch_seconds: float = 0.5  # the same where there are others; doubles with each that has no answer
    silence_seconds: float = 5.0  # where there are others, then the server is asked, and left after as much
    upgrade_seconds: float = 5.0  # for a WebSocket, at most half of an attempt: then HTTP is tried, too
    http_seconds: float = 600.0  # an address that HTTP has reached is connected to so first: then as before
    post_seconds: float = 20.0  # for the answer to a request over HTTP: it is sent again
    backoff_seconds: float = 0.1  # before the second attempt; doubles with every further one
    max_backoff_seconds: float = 10.0  # longest pause between attempts; attempts go on until `close`
    absent_backoff_seconds: float = 2.0  # the same where nothing listens at the only address
    call_seconds: float = 30.0  # for a call: Unavailable, or OutcomeUnknown for a commit that was sent
    close_seconds: float = 2.0  # for the server's part of closing: the connection is dropped
    calls: int = 10_000  # calls that wait, streams and live queries: Overloaded
    seen_collections: int = 1024  # written to, and so found again elsewhere: the oldest write is forgotten
    credit: int = 1024  # changes that a stream holds for a slow reader: the server waits
    answer_bytes: int = 17 * 1024 * 1024  # longest message of a server: the connection is closed with 1009
