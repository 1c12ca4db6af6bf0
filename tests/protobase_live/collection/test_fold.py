"""Folding keeps what a log says and leaves out what was deleted."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Awaitable, Callable
from random import Random

import pytest
from pycrdt import Doc, Text

from protobase_actors import SystemClock
from protobase_live.collection import fold as folding
from protobase_live.collection.aside import NICENESS
from protobase_live.collection.fold import INLINE_BYTES, fold, fold_aside
from protobase_live.collection.limits import Limits
from protobase_live.document.held import OVERHEAD_BYTES
from protobase_live.errors import StorageFailed
from protobase_live.protocol.packing import pack
from protobase_live.protocol.yjs.structs import EMPTY_UPDATE, Structs
from tests.support import yjs_encoding as yjs
from tests.support.yjs_encoding import Id, sent


def session(runs: int, size: int) -> tuple[list[bytes], str]:
    doc: Doc = Doc()
    updates: list[bytes] = []
    subscription = doc.observe(lambda event: updates.append(event.update))
    text = doc.get("body", type=Text)
    for n in range(runs):
        text.insert(len(text), chr(97 + n % 26) * size)
        if n % 3 == 2:
            del text[:size]
    doc.unobserve(subscription)
    return updates, str(text)


def body(update: bytes) -> str:
    doc: Doc = Doc()
    doc.apply_update(update)
    return str(doc.get("body", type=Text))


NICE_IS_TOLD = """
import os, runpy, sys
os.nice = lambda niceness: sys.stderr.write(f"by {niceness}")
runpy.run_module("protobase_live.collection.fold", run_name="__main__")
"""


def test_a_process_that_folds_gives_way_to_those_that_serve() -> None:
    updates, text = session(30, 10)
    command = [sys.executable, "-c", NICE_IS_TOLD]
    folded = subprocess.run(command, input=pack([updates]), capture_output=True, check=True)
    assert body(folded.stdout) == text
    assert folded.stderr.decode() == f"by {NICENESS}"


def test_a_folded_log_says_the_same_in_less() -> None:
    updates, text = session(90, 100)
    folded = fold(updates)
    assert body(folded) == text
    assert len(folded) < sum(map(len, updates))


def test_a_log_is_read_once_and_what_comes_of_it_once(monkeypatch) -> None:
    """Reading takes nearly all the time of a fold."""
    read: list[bytes] = []
    take = Structs.take
    monkeypatch.setattr(
        Structs, "take", lambda self, update, **how: read.append(update) or take(self, update, **how)
    )
    updates, _ = session(30, 100)
    folded = fold(updates)
    assert read == [*updates, folded]


async def test_a_large_log_is_folded_by_a_process_of_its_own() -> None:
    updates, text = session(60, INLINE_BYTES // 40)
    assert body(await fold_aside(updates, SystemClock(), Limits())) == text


@pytest.mark.parametrize("reason", ["no process", "no descriptor"])
async def test_a_system_without_a_process_for_it_is_told(monkeypatch, reason: str) -> None:
    monkeypatch.setattr("asyncio.create_subprocess_exec", raising(OSError(reason)))
    monkeypatch.setattr(folding, "INLINE_BYTES", 0)
    with pytest.raises(StorageFailed, match=f"needs a process, and none could be started: {reason}"):
        await fold_aside([ENDS], SystemClock(), Limits())


async def test_an_event_loop_that_starts_no_processes_folds_itself(monkeypatch) -> None:
    monkeypatch.setattr("asyncio.create_subprocess_exec", raising(NotImplementedError()))
    updates, text = session(60, INLINE_BYTES // 40)
    assert body(await fold_aside(updates, SystemClock(), Limits())) == text


def raising(error: Exception) -> Callable[..., Awaitable[None]]:
    async def fail(*_: object, **__: object) -> None:
        raise error

    return fail


async def test_a_process_that_fails_says_why(monkeypatch) -> None:
    monkeypatch.setattr(folding, "INLINE_BYTES", 0)
    with pytest.raises(StorageFailed, match=r"exit code 1: .*MalformedUpdate"):
        await fold_aside([b"no update at all"], SystemClock(), Limits())


def test_half_a_character_takes_one_clock() -> None:
    """pycrdt's own encoding has the whole character in the place of its half."""
    doc: Doc = Doc(client_id=1)
    doc.get("body", type=Text).insert(0, "🙂")
    emoji = doc.get_update()
    between = bytes([1, 1, 2, 0]) + b"\xc4\x01\x00\x01\x01\x01x\x00"
    without = b"\x00\x01\x01\x01\x00\x01"
    folded = Structs()
    assert folded.take(fold([emoji, between, without])) is None
    assert folded.vector == {1: 2, 2: 1}
    assert body(fold([emoji, between])) == "\ufffdx\ufffd"
    assert body(fold([emoji, between, without])) == "x\ufffd"


ENDS = sent(1, 0, yjs.item(yjs.text("ab"), parent="body"))
MIDDLE = sent(2, 0, yjs.item(yjs.text("x"), left=Id(1, 0), right=Id(1, 1)))


def test_nothing_folds_to_nothing() -> None:
    assert fold([]) == EMPTY_UPDATE


def test_a_log_in_another_order_folds_to_the_same() -> None:
    more = sent(2, 1, yjs.item(yjs.text("y"), left=Id(2, 0), right=Id(1, 1)))
    assert fold([more, MIDDLE, ENDS]) == fold([ENDS, MIDDLE, more])
    assert body(fold([more, MIDDLE, ENDS])) == "axyb"


def test_what_lacks_something_goes_on_waiting() -> None:
    more = sent(2, 1, yjs.item(yjs.text("y"), left=Id(2, 0), right=Id(1, 1)), deletes={1: [(1, 1)]})
    late = sent(1, 4, yjs.item(yjs.text("e"), left=Id(1, 3)))
    log = [ENDS, late, more]
    folded = fold(log)
    assert fold([folded]) == fold([folded, *log]) == folded
    structs = Structs()
    rest = structs.take(folded)
    assert rest is not None
    assert structs.encode() == fold([ENDS, sent(0, 0, deletes={1: [(1, 1)]})])
    assert rest.waits == {1: 4, 2: 1}
    between = sent(1, 2, yjs.item(yjs.text("cd"), left=Id(1, 1)))
    assert body(fold([folded, MIDDLE, between])) == "axycde"
    assert fold([folded, MIDDLE, between]) == fold([*log, MIDDLE, between])


def test_a_log_in_which_too_much_waits_stays_as_it_is() -> None:
    most = OVERHEAD_BYTES + len(MIDDLE)
    assert fold([MIDDLE], most) == MIDDLE
    with pytest.raises(StorageFailed, match=r"12 bytes of a log lack what .*\(held_client_bytes\)"):
        fold([MIDDLE], most - 1)


def test_a_wait_that_is_lost_replaces_nothing(monkeypatch) -> None:
    monkeypatch.setattr(folding, "join", lambda updates: EMPTY_UPDATE)
    with pytest.raises(StorageFailed, match="nothing was dropped"):
        fold([ENDS, sent(9, 3, yjs.item(yjs.text("x"), left=Id(9, 2)))])


@pytest.mark.parametrize("seed", range(10))
def test_a_folded_log_loads_as_the_log_does(seed: int) -> None:
    """With any of its updates missing at first, given in another order."""
    random = Random(seed)
    updates, text = session(30, 4)
    missing = random.sample(range(30), random.randint(1, 6))
    log = [update for number, update in enumerate(updates) if number not in missing]
    random.shuffle(log)
    folded, whole = fold(log), Structs()
    rest = whole.take(folded)
    assert rest is not None
    for number in sorted(missing):
        assert whole.take(updates[number]) is None
        rest = rest and whole.take(rest.update)
    assert rest is None
    assert body(whole.encode()) == text
    assert fold([folded, *(updates[number] for number in missing)]) == fold(updates)


def test_what_is_not_what_was_folded_replaces_nothing(monkeypatch) -> None:
    monkeypatch.setattr(Structs, "encode", lambda self: MIDDLE)
    with pytest.raises(StorageFailed, match="nothing was dropped"):
        fold([ENDS, MIDDLE])


async def test_a_process_that_is_too_slow_is_ended(monkeypatch) -> None:
    monkeypatch.setattr(folding, "INLINE_BYTES", 0)
    with pytest.raises(TimeoutError, match=r"not within 0 seconds \(fold_seconds\)"):
        await fold_aside([ENDS], SystemClock(), Limits(fold_seconds=0))


@pytest.mark.parametrize(("was", "becomes"), [(b"hello", b"jello"), (b"\x01t", b"\x01u")])
def test_a_fold_that_changes_something_is_refused(monkeypatch, was: bytes, becomes: bytes) -> None:
    """The content and the place of what is not deleted are compared, too."""
    encode = Structs.encode
    monkeypatch.setattr(Structs, "encode", lambda structs: encode(structs).replace(was, becomes))
    assert fold([sent(1, 0, yjs.item(yjs.text("kept"), parent="s"))])
    with pytest.raises(StorageFailed, match=r"something else at \(1, 0\)"):
        fold([sent(1, 0, yjs.item(yjs.text("hello"), parent="t"))])
