"""A stream on NATS servers, through nats-py (extra ``nats``)."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from secrets import token_hex
from typing import Any

from ..errors import StorageError, StorageUnreachable
from .address import NatsAddress
from .answers import Answers
from .limits import CALL_SECONDS, PAGE_BYTES, PAGE_MESSAGES
from .states import NO_SUBJECTS, state_of
from .stream import (
    Connection,
    Draft,
    Message,
    Outrun,
    Refused,
    StreamState,
    Unanswered,
    Unavailable,
)

OUTRUN = (10071, 10164)
"""The error codes of JetStream for another last message than the expected one, stored or about to be."""

NO_MESSAGE = (10037, 10043)
"""Those for a message that is not there."""

LATER = 500
"""From this status on an answer says that it may be different later."""

NO_PEERS = 10005
"""The one for a stream that is to be made while too few servers are known to be there: others may come."""

NO_STREAM = 10059
"""The one for a stream that is not there: somebody may bring it back."""

ELECTED = "$JS.EVENT.ADVISORY.STREAM.LEADER_ELECTED."
"""Before the stream's name: where the server that leads it from now on says so."""

CONNECT_SECONDS = 10.0
"""How long the first connection may take."""

RECONNECT_SECONDS = 0.2
"""Between two attempts to connect again, which never end."""

_log = logging.getLogger(__name__)


class Missing(Unavailable):
    """There is no such stream."""


def _need_client(address: NatsAddress) -> Any:
    try:
        import nats
    except ImportError as error:
        raise StorageError(
            f"{address} needs nats-py, which is not installed: pip install 'protobase-live[nats]'"
        ) from error
    return nats


async def connect(address: NatsAddress) -> NatsStream:
    """A connection to one of the servers, which goes to another one by itself when that is lost.

    Raises `StorageUnreachable` when none answers, `StorageError` without nats-py or for what no server takes.
    """
    nats = _need_client(address)
    told: list[Exception] = []
    answers = Answers()

    async def tell(error: Exception) -> None:
        told.append(error)
        _log.info("%s: %s", address, error or repr(error), extra={"event": "nats_connection"})
        del told[:-1]

    async def tell_lost() -> None:
        answers.give_up("the connection was lost")

    async def tell_connected() -> None:
        answers.begin_again()

    async def tell_elected(_: object) -> None:
        answers.give_up("another server leads the stream now")
        answers.begin_again()

    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            client = await nats.connect(
                [f"nats://{each}" for each in address.servers],
                user_credentials=address.credentials,
                error_cb=tell,
                disconnected_cb=tell_lost,
                reconnected_cb=tell_connected,
                max_reconnect_attempts=-1,
                reconnect_time_wait=RECONNECT_SECONDS,
                connect_timeout=2,
                name="protobase-live",
            )
            await client.subscribe(ELECTED + address.stream, cb=tell_elected)
    except TimeoutError:
        reason = f": {told[-1]}" if told else ""
        raise StorageUnreachable(
            f"{address}: no server answers within {CONNECT_SECONDS:g} s{reason}"
        ) from None
    except (nats.errors.Error, OSError, ValueError) as error:
        raise StorageError(f"{address}: {error}") from error
    return NatsStream(address, client, nats.errors, answers)


class NatsStream:
    """See `Stream`."""

    def __init__(self, address: NatsAddress, client: Any, errors: Any, answers: Answers) -> None:
        self.address = str(address)
        self.payload_bytes: int = client.max_payload
        self._name = address.stream
        self._client = client
        self._errors = errors
        self._answers = answers

    async def store(self, subject: str, data: bytes) -> int:
        """See `Stream.store`."""
        return (await self._request(subject, data))["seq"]

    async def publish(self, drafts: Sequence[Draft]) -> list[int]:
        """See `Stream.publish`."""
        if len(drafts) == 1:
            draft = drafts[0]
            answer = await self._request(draft.subject, draft.data, _expecting(draft))
            return [answer["seq"]]
        batch = token_hex(8)
        for number, draft in enumerate(drafts[:-1], 1):
            headers = _expecting(draft) | _member(batch, number)
            await self._call(self._client.publish, draft.subject, draft.data, headers=headers)
        last = drafts[-1]
        headers = _expecting(last) | _member(batch, len(drafts)) | {"Nats-Batch-Commit": "1"}
        answer = await self._request(last.subject, last.data, headers)
        return list(range(answer["seq"] - len(drafts) + 1, answer["seq"] + 1))

    async def last(self, subject: str) -> Message | None:
        """See `Stream.last`."""
        found = await self.ask(f"STREAM.MSG.GET.{self._name}", {"last_by_subj": subject})
        if found is None:
            return None
        told = found["message"]
        return Message(told["subject"], told["seq"], base64.b64decode(told.get("data", "")), told["time"])

    async def read(self, subject: str, after: int) -> list[Message]:
        """See `Stream.read`."""
        request = {
            "seq": after + 1,
            "next_by_subj": subject,
            "batch": PAGE_MESSAGES,
            "max_bytes": PAGE_BYTES,
        }
        found: list[Message] = []
        inbox = self._client.new_inbox()
        answers = await self._call(self._client.subscribe, inbox)
        try:
            place = f"$JS.API.DIRECT.GET.{self._name}"
            await self._call(self._client.publish, place, json.dumps(request).encode(), reply=inbox)
            while True:
                answer = await self._call(answers.next_msg, timeout=CALL_SECONDS)
                headers: Mapping[str, str] = answer.headers or {}
                if "Status" in headers:
                    _check_end(self.address, headers["Status"])
                    return found
                found.append(Message(headers["Nats-Subject"], int(headers["Nats-Sequence"]), answer.data))
        finally:
            await self._let_go(answers)

    async def subjects(self, pattern: str) -> Mapping[str, int]:
        """See `Stream.subjects`."""
        found: dict[str, int] = {}
        while True:
            told = {"subjects_filter": pattern, "offset": len(found)}
            answer = await self._ask_known(f"STREAM.INFO.{self._name}", told)
            page: dict[str, int] = answer["state"].get("subjects") or {}
            found |= page
            if not page or len(found) >= answer.get("total", 0):
                return found

    async def wipe(self, sequence: int) -> None:
        """See `Stream.wipe`."""
        await self.ask(f"STREAM.MSG.DELETE.{self._name}", {"seq": sequence})

    async def time(self) -> str:
        """See `Stream.time`."""
        return (await self._ask_known(f"STREAM.INFO.{self._name}", {}))["ts"]

    async def state(self, pattern: str) -> StreamState:
        """See `Stream.state`."""
        told = {"subjects_filter": pattern, "offset": NO_SUBJECTS}
        return state_of(await self._ask_known(f"STREAM.INFO.{self._name}", told))

    def connection(self) -> Connection:
        """See `Stream.connection`."""
        client = self._client
        server = client.connected_url.netloc if client.is_connected and client.connected_url else ""
        return Connection(server, tuple(each.netloc for each in client.servers), client.stats["reconnects"])

    async def listen(self, subject: str, heard: Callable[[Message, int], None]) -> Callable[[], None]:
        """See `Stream.listen`."""

        async def hear(message: Any) -> None:
            headers = message.headers
            told = Message(headers["Nats-Subject"], int(headers["Nats-Sequence"]), message.data)
            heard(told, int(headers["Nats-Last-Sequence"]))

        return await self._subscribe(subject, hear)

    async def say(self, subject: str, data: bytes) -> None:
        """See `Stream.say`."""
        await self._call(self._client.publish, subject, data)

    async def hear(self, subject: str, heard: Callable[[bytes], None]) -> Callable[[], None]:
        """See `Stream.hear`."""

        async def hear(message: Any) -> None:
            heard(message.data)

        return await self._subscribe(subject, hear)

    async def _subscribe(self, subject: str, hear: Callable[[Any], Awaitable[None]]) -> Callable[[], None]:
        subscription = await self._call(self._client.subscribe, subject, cb=hear)
        ending: list[asyncio.Task[None]] = []
        return lambda: ending.append(asyncio.ensure_future(self._let_go(subscription)))

    def when_again(self, tell: Callable[[], None]) -> None:
        """See `Stream.when_again`."""
        self._answers.when_again(tell)

    async def close(self) -> None:
        """See `Stream.close`."""
        await self._client.close()

    async def configuration(self) -> dict[str, Any] | None:
        """What the stream is like; None: there is none. Raises as `Stream` says."""
        try:
            return (await self._ask_known(f"STREAM.INFO.{self._name}", {}))["config"]
        except Missing:
            return None

    async def make(self, configuration: Mapping[str, Any]) -> dict[str, Any]:
        """Make the stream, or find that it was made; what it is like. Raises as `Stream` says."""
        return (await self._ask_known(f"STREAM.CREATE.{self._name}", configuration))["config"]

    async def ask(self, call: str, told: Mapping[str, Any]) -> dict[str, Any] | None:
        """Ask JetStream's API; None: there is no such message. Raises as `Stream` says."""
        answer = await self._request(f"$JS.API.{call}", json.dumps(told).encode())
        return answer or None

    async def _ask_known(self, call: str, told: Mapping[str, Any]) -> dict[str, Any]:
        answer = await self.ask(call, told)
        if answer is None:
            raise Unavailable("an answer of the server says nothing")
        return answer

    async def _request(
        self, subject: str, data: bytes, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Ask, and read the answer; an empty one: there is no such message."""
        told_headers = dict(headers) if headers else None
        answer = await self._call(
            self._client.request, subject, data, timeout=CALL_SECONDS, headers=told_headers
        )
        told: dict[str, Any] = json.loads(answer.data)
        error = told.get("error")
        if error is None:
            return told
        return self._failed(error)

    def _failed(self, error: Mapping[str, Any]) -> dict[str, Any]:
        code, status = error.get("err_code"), error.get("code", LATER)
        if code in OUTRUN:
            raise Outrun(error["description"])
        if code in NO_MESSAGE:
            return {}
        message = f"{error.get('description')} ({code})"
        if code == NO_STREAM:
            raise Missing(message)
        if status >= LATER or code == NO_PEERS:
            raise Unavailable(message)
        raise Refused(f"{self.address}: {message}")

    async def _call(self, call: Callable[..., Awaitable[Any]], *told: Any, **more: Any) -> Any:
        errors = self._errors
        if not self._client.is_connected:  # the client would keep it, and send it much later
            raise Unavailable("no server can be reached")
        try:
            async with self._answers.awaited():
                return await call(*told, **more)
        except errors.NoRespondersError:
            raise Unavailable(
                "no server answers for the stream: it was deleted, or it has lost the majority of its servers"
            ) from None
        except (errors.OutboundBufferLimitError, errors.ConnectionClosedError) as error:
            raise Unavailable(f"no connection: {error}") from error
        except errors.MaxPayloadError as error:
            raise Refused(f"{self.address}: {error}") from error
        except (errors.Error, OSError) as error:
            raise Unanswered(str(error)) from error

    async def _let_go(self, subscription: Any) -> None:
        with suppress(self._errors.Error):  # the connection is gone, and so is what was subscribed
            await subscription.unsubscribe()


def _expecting(draft: Draft) -> dict[str, str]:
    expected = {"Nats-Expected-Last-Subject-Sequence": str(draft.expected)}
    return expected | ({"Nats-Expected-Last-Subject-Sequence-Subject": draft.behind} if draft.behind else {})


def _member(batch: str, number: int) -> dict[str, str]:
    return {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)}


def _check_end(address: str, status: str) -> None:
    """204 ends what was found, and 404 says that there is nothing."""
    if status == "503":
        raise Unavailable("no server answers for the stream: it was deleted, or has lost its servers")
    if status not in ("204", "404"):
        raise Refused(f"{address}: reading ended with {status}")
