"""The commands of ``cluster`` and their options, as `app` has the others."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from protobase_live.cli.arguments import ServerUrl, Token


class _ClusterGroup(TyperGroup):
    """``cluster URL`` is short for ``cluster status URL``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See ``click.Group``."""
        short = args and args[0] not in (*self.commands, "-h", "--help")
        return super().parse_args(ctx, ["status", *args] if short else args)


cluster = typer.Typer(
    cls=_ClusterGroup,
    no_args_is_help=True,
    help="Look at servers that hold the same. 'cluster URL' is short for 'cluster status URL'.",
)


@cluster.command()
def status(
    url: ServerUrl,
    lag: Annotated[
        float, typer.Option(min=0, help="Seconds for which another node may lack something.")
    ] = 2.0,
    hashes: Annotated[
        bool, typer.Option("--hashes/--no-hashes", help="Hash every collection, which loads it.")
    ] = True,
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
    token: Token = None,
) -> None:
    """Show a node, its links, how far the others are behind it, and a hash of each collection.

    The exit code is 1 unless all nodes that it dials are linked with it, none lags, none is stuck,
    and owned collections have an owner.
    """
    from protobase_live.cli.cluster_status import status

    status(url, token, lag, hashes, json)


@cluster.command()
def verify(
    urls: Annotated[
        list[str], typer.Argument(metavar="URL...", help="At least two, such as ws://127.0.0.1:8765.")
    ],
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds in which what still replicates may come to agree.")
    ] = 2.0,
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
    token: Token = None,
) -> None:
    """Compare every collection on every server, and name what differs; then the exit code is 1."""
    from protobase_live.cli.cluster_verify import verify

    if len(urls) < 2:
        raise typer.BadParameter("name at least two servers to compare")
    verify(urls, token, wait, json)
