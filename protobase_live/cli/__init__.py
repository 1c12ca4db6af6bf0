"""The command line, ``protobase-live``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command in ``sys.argv`` and end the process: 0, 1 (it failed) or 2 (it was called wrongly)."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["serve"]:
        # A server is started, and restarted after a failure, while its clients wait: the usual call does not
        # load typer, which takes longer than opening the database.
        from protobase_live.cli.serve import options, serve

        if (chosen := options(arguments[1:])) is not None:
            serve(chosen)
    from protobase_live.cli.app import app

    try:
        app(prog_name="protobase-live")
    except OSError as error:  # of what is printed about the command itself
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
