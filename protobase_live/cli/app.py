"""The commands and their options; what they do is in the modules beside this one, imported when needed."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from protobase_live.cli.arguments import ServerUrl, Source, Token
from protobase_live.cli.cluster_app import cluster

if TYPE_CHECKING:
    from protobase_live.cli.settings import Options

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(cluster, name="cluster")


def _say_version(asked: bool) -> None:
    if asked:
        from protobase_live import __version__

        typer.echo(f"protobase-live {__version__}")
        raise typer.Exit


@app.callback()
def command(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """ProtoBase Live: a database whose collections are Yjs documents."""


class Style(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@app.command()
def serve(
    storage: Annotated[
        str | None,
        typer.Option(
            help="Where to keep it: file:PATH (file:./data if absent), s3://..., gs://..., nats://..., "
            "memory:."
        ),
    ] = None,
    listen: Annotated[
        str | None, typer.Option(help="HOST:PORT; port 0 takes a free one. 127.0.0.1:8765 if absent.")
    ] = None,
    config: Annotated[str | None, typer.Option(help="A TOML file with settings.")] = None,
    origin: Annotated[
        list[str] | None, typer.Option(help="Pages of this origin may connect, too; * allows all.")
    ] = None,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(help="Address or network of proxies whose X-Forwarded-For is believed."),
    ] = None,
    peer: Annotated[
        list[str] | None, typer.Option(help="Another node to be linked with, as ws://HOST:PORT/peer.")
    ] = None,
    node_id: Annotated[
        str | None, typer.Option(help="What other nodes call this one; an id of the storage if absent.")
    ] = None,
    advertise: Annotated[
        str | None, typer.Option(help="Where clients find this node of a stream, as wss://n1.example.com.")
    ] = None,
    owner: Annotated[
        list[str] | None,
        typer.Option(help="Pattern of collections whose transactions one node at a time does."),
    ] = None,
    durability: Annotated[
        str | None, typer.Option(help="Where a write is durable first: local, peers=K or majority.")
    ] = None,
    cluster_secret_file: Annotated[
        str | None, typer.Option(help="A file with the secret that all nodes have in common.")
    ] = None,
    schemas: Annotated[
        str | None,
        typer.Option(help="A Python file with schemas = {'tasks': Task}, for what is written."),
    ] = None,
    jwt_keys: Annotated[
        str | None,
        typer.Option(help="A file or URL with what tokens (JWT) are checked with; else anyone may come."),
    ] = None,
    jwt_algorithm: Annotated[
        list[str] | None, typer.Option(help="HS256, RS256, EdDSA or Ed25519: what tokens are signed with.")
    ] = None,
    jwt_audience: Annotated[str | None, typer.Option(help="Who a token has to be for (aud).")] = None,
    jwt_issuer: Annotated[str | None, typer.Option(help="Who has to have made a token (iss).")] = None,
    tls_cert: Annotated[
        str | None, typer.Option(help="A file (PEM) with the server's certificate: all doors speak TLS.")
    ] = None,
    tls_key: Annotated[
        str | None, typer.Option(help="A file (PEM) with its key, if that is in another one.")
    ] = None,
    tls_ca: Annotated[
        str | None, typer.Option(help="A file (PEM) with whose certificates the nodes of --peer may have.")
    ] = None,
    policy: Annotated[
        str | None, typer.Option(help="A file (.toml, .py) that says who may do what; else everybody may.")
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Let everybody in who can reach it, also from other machines.")
    ] = False,
    inspector: Annotated[
        str | None, typer.Option(help="Whether browsers are shown what goes on: on or off.")
    ] = None,
    limit: Annotated[list[str] | None, typer.Option(help="NAME=NUMBER, as document_bytes=128MiB.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    log_format: Annotated[str | None, typer.Option(help="text or json.")] = None,
    traces: Annotated[
        str | None, typer.Option(help="The share of commits that OpenTelemetry is told of, such as 0.01.")
    ] = None,
    workers: Annotated[
        str | None,
        typer.Option(help="So many processes serve, each with a store of its own below file:PATH."),
    ] = None,
) -> None:
    """Serve a database until SIGTERM or Ctrl-C; prints one line when it is ready.

    Each option has its variable, such as PROTOBASE_STORAGE, and its line in the file of --config.
    """
    from protobase_live.cli.serve import serve

    given = {
        "storage": storage,
        "listen": listen,
        "config": config,
        "origin": origin,
        "trusted_proxy": trusted_proxy,
        "peer": peer,
        "node_id": node_id,
        "advertise": advertise,
        "owner": owner,
        "durability": durability,
        "cluster_secret_file": cluster_secret_file,
        "schemas": schemas,
        "jwt_keys": jwt_keys,
        "jwt_algorithm": jwt_algorithm,
        "jwt_audience": jwt_audience,
        "jwt_issuer": jwt_issuer,
        "policy": policy,
        "tls_cert": tls_cert,
        "tls_key": tls_key,
        "tls_ca": tls_ca,
        "insecure": insecure or None,
        "inspector": inspector,
        "limit": limit,
        "log_level": log_level,
        "log_format": log_format,
        "traces": traces,
        "workers": workers,
    }
    # An option that is empty was given: without the keys that it should have named anyone could come.
    serve(cast("Options", {name: value for name, value in given.items() if value not in (None, [])}))


@app.command()
def tail(
    url: ServerUrl,
    collection: str,
    since: Annotated[str | None, typer.Option(help="A change's cursor: go on after it.")] = None,
    structure: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND:NAME", help="Tell a structure that Yjs clients alone write, too, such as text:body."
        ),
    ] = None,
    token: Token = None,
) -> None:
    """Print each change of a collection as one line of JSON, from now on or from a cursor."""
    from protobase_live.cli.tail import tail

    tail(url, collection, since, structure or [], token)


@app.command()
def query(
    source: Source,
    text: Annotated[
        str, typer.Argument(metavar="QUERY", help="'tasks where not done limit 10', or the JSON form.")
    ],
    param: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE for :NAME in the query; the value is JSON or text.")
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Keep watching: show each change.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Say how it would be answered.")] = False,
    style: Annotated[Style, typer.Option("--format", help="How rows are printed.")] = Style.TABLE,
    token: Token = None,
) -> None:
    """Print the rows that a query finds."""
    from protobase_live.cli.query import query

    if live and explain:
        raise typer.BadParameter("--live and --explain do not go together")
    query(
        source,
        text,
        param or [],
        mode="live" if live else "explain" if explain else "once",
        style=style.value,
        token=token,
    )


@app.command()
def export(
    source: Source,
    collections: Annotated[
        list[str] | None, typer.Argument(help="Which ones; all when none are named.")
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Only what is stored, as it is, also of what cannot be loaded.")
    ] = False,
    token: Token = None,
) -> None:
    """Print collections as NDJSON, for `import`: the document, then one line a record or structure."""
    from protobase_live.cli.transfer import export_to_stdout

    export_to_stdout(source, collections or [], token, raw)


@app.command(name="import")
def import_(
    target: Source,
    file: Annotated[
        Path | None, typer.Argument(help="What `export` printed; standard input if absent.")
    ] = None,
    merge: Annotated[
        bool, typer.Option("--merge", help="Merge it with what else collections hold, as Yjs merges.")
    ] = False,
    token: Token = None,
) -> None:
    """Store what `export` printed, in collections that are empty or have a part of it."""
    from protobase_live.cli.transfer import import_lines

    import_lines(target, file, token, merge)


@app.command()
def backup(
    source: Source,
    file: Annotated[Path, typer.Argument(help="Where to write it; what is there is replaced.")],
    collections: Annotated[
        list[str] | None, typer.Argument(help="Which ones; all when none are named.")
    ] = None,
    token: Token = None,
) -> None:
    """Write collections exactly as they are stored into a file, for `restore`; a server goes on meanwhile."""
    from protobase_live.cli.backup import backup

    backup(source, file, collections or [], token)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What `backup` wrote.")],
    target: Source,
    collections: Annotated[
        list[str] | None, typer.Argument(help="Which ones; all when none are named.")
    ] = None,
    token: Token = None,
) -> None:
    """Store what `backup` wrote, in collections that are empty or have the beginning of it."""
    from protobase_live.cli.backup import restore

    restore(file, target, collections or [], token)


@app.command()
def copy(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FROM",
            help="A storage (file:PATH), a server, or the store of another program: leveldb:PATH "
            "(y-leveldb), hocuspocus-sqlite:PATH, pycrdt-store:PATH.",
        ),
    ],
    target: Annotated[str, typer.Argument(metavar="TO", help="A storage or a server.")],
    token: Token = None,
) -> None:
    """Copy a database exactly, or the rooms of another program; what is there already is not copied again."""
    from protobase_live.cli.copy import copy

    copy(source, target, token)


@app.command()
def delete(source: Source, collection: str, token: Token = None) -> None:
    """Delete a collection with its history, also one that cannot be loaded."""
    from protobase_live.cli.delete import delete

    delete(source, collection, token)


@app.command()
def erase(
    source: Source,
    collection: str,
    key: Annotated[
        str | None, typer.Argument(help="A record; what else is there stays. All of it if absent.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")] = False,
    token: Token = None,
) -> None:
    """Have no byte left of a collection, or of one record and its past: in logs, snapshots, nodes, buckets.

    The exit code is 1 while a node has not done it, which is named; it does when it is back, and to
    erase again asks it.
    """
    from protobase_live.cli.erase import erase

    erase(source, collection, key, token, json)


@app.command()
def revoke(
    url: ServerUrl,
    author: Annotated[str, typer.Argument(help="Who: the author of what is written with the token (sub).")],
    collection: Annotated[str | None, typer.Argument(help="Which one; all when none is named.")] = None,
    let_in: Annotated[bool, typer.Option("--let-in", help="Take it back.")] = False,
    token: Token = None,
) -> None:
    """Take away what somebody may do at a running server and its cluster; what is open of it ends at once."""
    from protobase_live.cli.revoke import revoke

    revoke(url, author, collection, let_in, token)


@app.command()
def info(
    source: Source,
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
    token: Token = None,
) -> None:
    """Show the collections of a storage or a server, their sizes and the length of their logs."""
    from protobase_live.cli.info import info

    info(source, json, token)


@app.command()
def token(
    subject: Annotated[str, typer.Argument(help="Who has it: the author of what is written with it.")],
    keys: Annotated[str, typer.Option(help="A file with the private key, or the secret.")],
    algorithm: Annotated[str, typer.Option(help="HS256, RS256, EdDSA or another one that serve accepts.")],
    seconds: Annotated[float, typer.Option(min=1, help="How long it is good.")] = 3_600,
    read_only: Annotated[bool, typer.Option("--read-only", help="For reading alone.")] = False,
    issuer: Annotated[str | None, typer.Option(help="Who has made it (iss).")] = None,
    audience: Annotated[str | None, typer.Option(help="For whom it is (aud).")] = None,
) -> None:
    """Print a token (JWT) with which `serve --jwt-keys` lets its bearer in."""
    from protobase_live.cli.token import token

    claims = {"sub": subject, "iss": issuer, "aud": audience, "read_only": read_only or None}
    token(keys, algorithm, seconds, claims)


@app.command()
def demo(
    storage: Annotated[
        str, typer.Option(help="Where to keep it: each node below it, or in memory.")
    ] = "file:./demo-data",
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Of the first node; those that are taken are left out.")
    ] = 8765,
    seconds: Annotated[float | None, typer.Option(help="Stop by itself after so long.")] = None,
    users: Annotated[int, typer.Option(help="Scripted people who work from the start.")] = 0,
    open: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in a browser, if this is a terminal.")
    ] = True,
) -> None:
    """Run three linked nodes and a page to try them with, and show the changes live."""
    from protobase_live.cli.demo.command import demo

    demo(storage, port, seconds, users, open)
