"""The named limits of a server, with their defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from protobase_live.limits import Limited


@dataclass(frozen=True, slots=True)
class ServerLimits(Limited):
    """What a server takes from its clients; every limit says how it is answered."""

    ABOVE_ZERO: ClassVar[frozenset[str]] = frozenset(
        {
            "handshakes_at_once",
            "handshake_seconds",
            "ping_seconds",
            "undecided_pause_seconds",
            "undecided_pause_seconds_most",
        }
    )

    message_bytes: int | None = None
    """Longest message of a Yjs client, None: as long as its whole document may be. A longer one closes the
    connection with 4413, before it is read."""
    sessions: int = 10_000
    """Connections at once; another one is answered with HTTP 503."""
    address_connections: int = 2_000
    """Connections of one address at once, of IPv6 one network of 64 bits; another one is answered with HTTP
    503. Behind a proxy that is not in ``trusted_proxies`` all clients have the address of that."""
    identity_connections: int = 1_000
    """Connections at once of all who have one author by their tokens; another one is closed with 1013. On a
    Hocuspocus socket with documents of another author, its own are refused with 4429."""
    identity_collections: int = 5_000
    """Collections that one client, an author by its token or else an address, has open or has used of late,
    made ones too; another one fails with `Overloaded`, at the Yjs door with 1013, as a Hocuspocus document
    with 4429."""
    identity_collection_seconds: float = 60.0
    """How long after its last use a collection counts for that, as long as it stays in memory."""
    silent_connections: int = 4_000
    """Connections that have not said what they want; the one that has been silent for the longest time is cut
    off when there is another one. It has ``handshake_seconds`` at most."""
    backlog_bytes: int = 1024 * 1024
    """Bytes that wait to be sent to one Yjs client. Above it, the client is sent nothing more until it has
    read them, and then what it missed, in parts."""
    all_backlog_bytes: int = 512 * 1024 * 1024
    """The same of all Yjs clients together. Above it, a client that has anything unread is sent nothing more
    until it has read that."""
    all_answer_bytes: int = 512 * 1024 * 1024
    """Bytes that all clients of the live door and over HTTP have not read. Above it, of the address that has
    most, who has been behind for the longest time is cut off."""
    all_unfinished_bytes: int = 256 * 1024 * 1024
    """Bytes of messages of all clients that are not whole, or that nobody has taken yet. Above it, of the
    address that has most, the one that was begun first closes its connection with 1013."""
    messages_per_second: int = 10_000
    """Messages of one connection, 0: any number. A client that sends more is read more slowly."""
    messages_at_once: int = 20_000
    """How many of these may come at once after a pause."""
    bytes_per_second: int = 64 * 1024 * 1024
    """Bytes of one connection, 0: any number. A client that sends more is read more slowly."""
    bytes_at_once: int = 128 * 1024 * 1024
    """How many of these may come at once after a pause."""
    handshakes_per_second: int = 300
    """Clients that may come in a second; others wait for their turn. Stock clients all come back in the same
    moment after a restart, and would hold up those that are served. As many documents may be opened at the
    Hocuspocus door, of all sockets by turns."""
    handshakes_at_once: int = 100
    """How many of these may come in the same moment, if few came before."""
    waiting_handshakes: int = 2_400
    """Clients that wait for their turn; another one is answered with HTTP 503, and comes back. So many
    Hocuspocus sockets may have documents that wait; those of another one are tried again later."""
    drain_clients: int = 100
    """Clients that are closed at once when the server stops; the next ones follow after a twentieth of a
    second."""
    drain_seconds: float = 5.0
    """How long that may take; then all others are closed at once."""
    handshake_seconds: float = 10.0
    """How long a client may take to ask for a connection, and may wait for its turn; also for each head of
    an HTTP request, and the rest of a body that was answered before its end. Then it is disconnected."""
    authenticate_seconds: float = 10.0
    """How long the program's ``authenticate`` may take; then the client is told to come back, with
    1013, over HTTP with 503."""
    authorize_seconds: float = 10.0
    """How long the program's ``authorize`` may take; then what was asked for is denied."""
    revocations: int = 10_000
    """Authors that are revoked, each for a collection or for all; another one is refused."""
    jwks_seconds: float = 5.0
    """How long the keys of tokens may take to be fetched from a URL; without any the client is told to come
    back, as for ``authenticate_seconds``. Those that are known are kept."""
    jwks_bytes: int = 1024 * 1024
    """Longest set of keys behind a URL; of a longer one nothing is taken."""
    jwks_retry_seconds: float = 10.0
    """Between two fetches, at least. Whose token names a key that is not known meanwhile is told to come
    back."""
    jwks_age_seconds: float = 600.0
    """After so long they are fetched again: who makes tokens may have withdrawn a key."""
    certificate_seconds: float = 60.0
    """How often `serve` looks whether the files of its certificate have changed; those that do not belong
    together are left alone."""
    close_seconds: float = 5.0
    """How long a client may take to answer a close."""
    ping_seconds: float = 20.0
    """Between pings; a client from which nothing comes until the next one is disconnected. Browsers see no
    pings, and stock clients give up after 30 seconds without a message: each comes with an empty one."""
    unread_pongs: int = 1_000
    """Answers to pings that a client leaves unread; then it is disconnected."""
    introduction_seconds: float = 1.0
    """How long a Yjs client is waited for to say who it is, before it is told who else is there."""
    presence_answer_seconds: float = 0.25
    """How often a Yjs client that asks who is there is told, at most. What it asks meanwhile is answered once
    at the end."""
    pending_chunks: int = 16
    """Chunks of messages read from one Yjs client and not yet taken by the collection; above it, the
    client's socket is not read."""
    pending_bytes: int = 4 * 1024 * 1024
    """Bytes of updates read from one Yjs client and not yet durable; above it, the client's socket is not
    read. A longer message is taken alone."""
    put_backs_in_a_row: int = 8
    """How often what a Yjs client wrote may be refused and put back in a row, of all in a collection who may
    write nothing together; after one more, what they write is kept for a pause. They hear everything."""
    put_back_seconds: float = 1.0
    """The first such pause, 0: none; each time doubles it."""
    put_back_seconds_most: float = 10.0
    """The longest such pause; also how long after one nothing may be put back for the row to be forgotten."""
    put_back_bytes: int = 64 * 1024
    """Bytes of updates that are kept meanwhile, 64 more for each; above it, the client's socket is not read
    until the pause is over."""
    read_ahead_bytes: int = 2 * 1024 * 1024
    """Bytes of large updates of all Yjs clients that are read before their turn comes and not yet taken.
    What was read takes up to 150 times as much memory. Beyond the limit an update is read in its turn, for
    which the others in its collection wait."""
    undecided_bytes: int = 5 * 1024 * 1024
    """Bytes of what a Hocuspocus client says about documents before it is decided whether it may; above it,
    its socket is closed with 4205. Until its first document is open, a longer message closes it with 4413."""
    undecided_messages: int = 1_000
    """Messages of the same; above it, the socket is closed with 4205."""
    undecided_documents: int = 100
    """Documents of a Hocuspocus socket that are not decided; above it, the socket is not read until one is,
    or closed with 4205 if its client has said of none who it is. So many tokens are looked at at once."""
    undecided_pause_seconds: float = 1.0
    """After so long it is tried again to decide about a Hocuspocus document that cannot be decided for now;
    each time doubles it. Where others wait for that, the socket is closed with 1013 instead."""
    undecided_pause_seconds_most: float = 30.0
    """The longest such pause."""
    socket_documents: int = 1_000
    """Documents that are open on one Hocuspocus socket; another one is refused. Also how many refused ones
    are remembered, to ignore what still comes for them."""
    refused_documents: int = 100
    """Documents of a Hocuspocus socket that were refused or ended; the last of them closes it with 4429."""
    first_document_seconds: float = 60.0
    """How long a Hocuspocus socket may be open without a document; then it is closed with 4408."""
    token_request_seconds: float = 30.0
    """How long before a token ends the Hocuspocus client that has it is asked for another one; for a token of
    less than twice as many seconds, when half of them are over. At its end the socket is closed with 3000."""
    refusal_seconds: float = 1.0
    """How long a Yjs client that was refused for good is kept waiting when it comes back, for the first time;
    each time it is refused again doubles it. Older stock clients come back ten times a second."""
    refusal_seconds_most: float = 30.0
    """The longest that a refused client is kept waiting; also how long after that it is remembered."""
    hold_seconds: float = 8.0
    """How long a handshake is held for that; who has to wait longer is answered with HTTP 503."""
    held: int = 1_000
    """Handshakes held at once; another one is answered with HTTP 503."""
    refusals: int = 10_000
    """Refusals that are remembered; the oldest is forgotten."""
    http_connections: int = 10_000
    """HTTP connections at once; another one is answered with 503 and closed."""
    http_requests: int = 1_000
    """HTTP requests that are served at once, streams of events aside; another one is answered with 503."""
    http_streams: int = 1_000
    """Streams of changes as server-sent events at once; another one is answered with 503. Those of the live
    door over HTTP count as sessions."""
    address_requests: int = 250
    """Of the requests those of one address; another one is answered with 503."""
    address_streams: int = 500
    """Of the streams of server-sent events those of one address; another one is answered with 503."""
    http_head_bytes: int = 64 * 1024
    """Longest head of an HTTP request; a longer one is answered with 431."""
    http_body_bytes: int = 16 * 1024 * 1024
    """Longest body of an HTTP request; a longer one is answered with 413."""
    all_body_bytes: int = 256 * 1024 * 1024
    """Bytes of all bodies that are being read. Above it, of the address that has most, the request that was
    begun first is answered with 503."""
    http_answer_bytes: int = 16 * 1024 * 1024
    """Longest body of an answer over HTTP; a longer one is answered with 422. An event of a stream that would
    be longer is told without its values."""
    request_seconds: float = 60.0
    """How long an HTTP request may take, from its head to the end of its answer; then it is answered with
    504, or cut off. A client that has anything of an answer unread for so long is cut off, too."""
    keep_alive_seconds: float = 75.0
    """How long an HTTP connection without a request is kept. Proxies keep theirs for a minute, and are to be
    the first to let go."""
    event_seconds: float = 15.0
    """Between two signs of life of a stream of server-sent events that has nothing to tell."""
    post_seconds: float = 60.0
    """How long a client of the live door over HTTP may send no request; then its stream is closed with 4408.
    One that has nothing to say sends an empty one: nothing else tells of a client that has vanished."""
    idempotency_seconds: float = 3_600.0
    """How long, at least, an Idempotency-Key is remembered; it is forgotten before it is twice as old."""
    idempotency_keys: int = 100_000
    """Keys that are remembered of a period of ``idempotency_seconds``; a request with another one is answered
    with 503, and one without a key is served."""


DEFAULT_SERVER_LIMITS = ServerLimits()
