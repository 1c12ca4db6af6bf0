"""Messages over a stream between workers."""

from __future__ import annotations

import asyncio
import struct
from typing import cast

from protobase_live.workers.stream_channel import StreamChannel


async def test_what_has_come_of_a_long_message_is_known() -> None:
    reader = asyncio.StreamReader()
    channel = StreamChannel(reader, cast(asyncio.StreamWriter, None), 1_000_000)
    receiving = asyncio.create_task(channel.receive())
    reader.feed_data(struct.pack("<BI", 0, 300_000))
    seen = list[int]()
    for _ in range(3):
        reader.feed_data(bytes(100_000))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        seen.append(channel.unfinished)
    assert 0 < seen[0] < seen[1]
    assert await receiving == bytes(300_000)
    assert channel.unfinished == 0
