"""A process that works on a storage and dies on the way. `python -m protobase_storage.conformance.child`

Arguments: JSON with `opener` ("module:attribute"), `place`, `job` and, by job, more. Or `--forks` and an
opener to import: then such JSON comes line by line, each job runs in a process of its own, and after it comes
a line `ended` with how that process ended. A job writes one line for each effect that was acknowledged. Jobs:

`script`   perform `model.script(large)`, kill itself with SIGKILL at step number `die_at` (-1: never)
`erase`    perform `model.secrets(count)`, with the same `die_at`
`burst`    the same with `count` appends at once
`burst_then_die`  the same, and kill itself when all of them are acknowledged
`recover`  open and close, with the same `die_at`
`endless`  append to two collections for ever
`full`     append under a file size limit until it fails, lift the limit, append again
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable
from functools import reduce
from typing import Any

from ..contract import Storage
from ..errors import StorageError
from .model import make_commit, perform, script, secrets

Job = dict[str, Any]
Opener = Callable[..., Awaitable[Storage]]


def find_opener(path: str) -> Opener:
    """The object at "module:attribute.attribute"."""
    module, _, attributes = path.partition(":")
    found: Any = reduce(getattr, attributes.split("."), importlib.import_module(module))
    return found


def dying(die_at: int) -> Callable[[str], None]:
    """A step hook that kills the process at its call number `die_at`."""
    steps = iter(range(sys.maxsize))

    def on_step(step: str) -> None:
        if next(steps) == die_at:
            say(f"dies {step}")
            os.kill(os.getpid(), signal.SIGKILL)

    return on_step


def say(line: str) -> None:
    """A line to the parent, past all buffers."""
    os.write(1, f"{line}\n".encode())


async def run_script(storage: Storage, job: Job) -> None:
    """One effect after the other."""
    for effect in script(job["large"]):
        await perform(storage, effect)
        say("done")


async def run_erase(storage: Storage, job: Job) -> None:
    """Secrets, and their end."""
    for effect in secrets(job["count"]):
        await perform(storage, effect)
        say("done")


async def run_burst(storage: Storage, job: Job) -> None:
    """Appends that share flushes, each acknowledged on its own."""
    futures = [storage.append(burst_append(n)) for n in range(1, job["count"] + 1)]
    for future in futures:
        future.add_done_callback(lambda done: say("done" if done.exception() is None else "failed"))
    await asyncio.gather(*futures)


async def run_burst_then_die(storage: Storage, job: Job) -> None:
    """Leave behind what an unexpected end leaves behind."""
    for sequence in range(1, job["count"] + 1):
        await storage.append(burst_append(sequence))
    say("dies")
    os.kill(os.getpid(), signal.SIGKILL)


async def run_endless(storage: Storage, job: Job) -> None:
    """Until somebody kills it."""
    sequence = 0
    while True:
        sequence += 1
        await storage.append(burst_append(sequence))
        say("done")


async def run_recover(storage: Storage, job: Job) -> None:
    """Nothing: opening recovers, and closing waits for it."""


async def run_full(storage: Storage, job: Job) -> None:
    """Every write beyond `limit` bytes of any file fails, until the limit is lifted."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (job["limit"], resource.RLIM_INFINITY))
    sequence = 0
    try:
        while True:
            await storage.append(burst_append(sequence + 1))
            sequence += 1
            say("done")
    except StorageError:
        loaded = await storage.load("a")
        say("intact" if loaded.vector.get("node-a", 0) == sequence else f"holds {loaded.vector}")
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await storage.append(burst_append(sequence + 1))
    say("done")


def burst_append(sequence: int) -> tuple[Any, ...]:
    """An append over two collections."""
    return (make_commit("a", sequence), make_commit("b/c", sequence))


async def main(job: Job) -> None:
    """Do one job."""
    jobs = {
        "script": run_script,
        "erase": run_erase,
        "burst": run_burst,
        "recover": run_recover,
        "burst_then_die": run_burst_then_die,
        "endless": run_endless,
        "full": run_full,
    }
    options = {"on_step": dying(job["die_at"])} if "die_at" in job else {}
    storage = await find_opener(job["opener"])(job["place"], **options)
    await jobs[job["job"]](storage, job)
    await storage.close()
    say("end")


def fork(job: Job) -> int:
    """Do one job in a child process; 0, or minus the signal that ended it."""
    child = os.fork()
    if not child:
        status = 1
        try:
            asyncio.run(main(job))
            status = 0
        except Exception:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run_forks(opener: str) -> None:
    """Do the jobs that come on standard input."""
    find_opener(opener)
    for line in sys.stdin:
        say(f"ended {fork(json.loads(line))}")


if __name__ == "__main__":
    if sys.argv[1] == "--forks":
        run_forks(sys.argv[2])
    else:
        asyncio.run(main(json.loads(sys.argv[1])))
