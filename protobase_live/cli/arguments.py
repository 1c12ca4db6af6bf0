"""Arguments and options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

Token = Annotated[str | None, typer.Option(envvar="PROTOBASE_TOKEN", help="What the server knows you by.")]


def _of_a_server(url: str) -> str:
    if url.partition(":")[0] in STORAGES:
        raise typer.BadParameter(
            "that is a storage; name a server that serves it, such as ws://127.0.0.1:8765"
        )
    return url


STORAGES = ("file", "memory", "s3", "gs", "nats")
"""How addresses begin that are of no server."""

ServerUrl = Annotated[
    str, typer.Argument(help="A server, such as ws://127.0.0.1:8765.", callback=_of_a_server)
]
Source = Annotated[str, typer.Argument(help="A server (ws://HOST:PORT) or a storage (file:PATH).")]
