"""Transactions over REST, in the words of the live protocol's `commit`."""

from __future__ import annotations

from typing import Any

from protobase_actors import in_steps
from protobase_live.errors import LimitExceeded
from protobase_live.model.names import check_collection
from protobase_live.protocol.live.client_messages import CommitRequest
from protobase_live.protocol.live.fields import Fields
from protobase_live.server.rest.answers import Answer
from protobase_live.server.rest.commits import Work, commit
from protobase_live.server.rest.request import Request
from protobase_live.server.rest.services import Services


async def transact(at: Services, request: Request) -> Answer:
    """Carry out all operations on all collections, or none."""
    body = request.fields("writes", optional=("checks", "author", "durability"))
    message: dict[str, Any] = {"type": "transaction", "id": 0, "checks": [], **body}
    asked = await in_steps(CommitRequest.parse_in_steps(Fields(message)))
    if asked.size > at.live_limits.operations:
        most = at.live_limits.operations
        raise LimitExceeded(f"{asked.size} operations and checks; at most {most} are allowed (operations)")
    for name in sorted(asked.collections):
        check_collection(name)
    request.account.opened.use(asked.collections)
    author = asked.author if request.author is None else request.author
    return await commit(at, request, Work(asked.writes, asked.checks, author, asked.durability))
