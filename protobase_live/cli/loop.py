"""Running a command: its event loop, its signals, and how it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any, NoReturn

from protobase_live.cli.streams import print_escaped
from protobase_live.errors import ProtoBaseError

INTERRUPTED = 128 + signal.SIGINT


def run(command: Coroutine[Any, Any, None]) -> NoReturn:
    """Run a command to its end and leave the process: with 0, or with 1 and one line that says what failed.

    A reader of the output that goes away ends a command well; Ctrl-C breaks it off, which is 130.
    """
    try:
        print_escaped()
        with asyncio.Runner() as runner:
            runner.run(command)
        sys.stdout.flush()
    except (ProtoBaseError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left goes nowhere
            sys.exit(0)
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    finally:
        command.close()  # where it has not begun
    sys.exit(0)


def interrupt_at_once() -> None:
    """Let Ctrl-C break off whatever runs: for a command that may wait for its input outside of the loop."""
    signal.signal(signal.SIGINT, _interrupt)  # a Runner that finds a handler leaves it


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def end_signals() -> list[signal.Signals]:
    """What asks this process to end, beside Ctrl-C: also the end of its terminal, unless by `nohup`."""
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [signal.SIGTERM] if ignored else [signal.SIGTERM, signal.SIGHUP]


def stop_requested() -> asyncio.Event:
    """An event that Ctrl-C and `end_signals` set, from now on."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, *end_signals()):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
