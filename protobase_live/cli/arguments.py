"""Arguments and options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

Token = Annotated[str | None, typer.Option(envvar="PROTOBASE_TOKEN", help="What the server knows you by.")]
ServerUrl = Annotated[str, typer.Argument(help="A server, such as ws://127.0.0.1:8765.")]
Source = Annotated[str, typer.Argument(help="A server (ws://HOST:PORT) or a storage (file:PATH).")]
