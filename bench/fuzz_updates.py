"""Fuzz the document library with mutated updates that `check_update` lets through.

    python bench/fuzz_updates.py --seconds 300 --seed 1

Real updates are mutated. What the check accepts, and the document at hand lacks nothing for, is
applied, merged and read in a child process with limited memory. A child that dies or hangs is a
hole in the check: its input is printed as hex, to be kept as a regression in
`tests/protobase_live/protocol/test_update.py`. A panic that reaches Python as an exception is
counted by the place it was raised at.
"""

import argparse
import collections
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pycrdt import (
    Array,
    Doc,
    Map,
    Text,
    XmlElement,
    XmlFragment,
    XmlText,
    get_state,
    get_update,
    merge_updates,
)

from protobase_live.errors import MalformedUpdate
from protobase_live.protocol.state_vector import decode_state_vector
from protobase_live.protocol.update import check_update

MEMORY_LIMIT = 1 << 30
HANG_SECONDS = 10
CASES_PER_CHILD = 20_000

ROOTS = {"text": Text, "map": Map, "array": Array, "xml": XmlFragment}


# -- corpus


def edit(doc: Doc, rng: random.Random) -> None:
    """Make one random edit, of every kind there is."""
    text, top, array, xml = (doc.get(name, type=kind) for name, kind in ROOTS.items())
    size, count = len(str(text)), len(array)
    edits: list[Callable[[], object]] = [
        lambda: text.insert(len(text), rng.choice(["a", "ab ", "é", "\U0001f600", "漢字"])),
        lambda: text.insert(0, rng.choice(["x", "yz", "\U0001f601"])),
        lambda: text.clear() if size > 40 else None,
        lambda: text.format(0, len(text), {"bold": rng.choice([True, None])}) if size else None,
        lambda: text.insert_embed(0, {"image": [1, None]}),
        lambda: top.update(
            {rng.choice("abc"): rng.choice([1, 2.5, None, True, "v", b"raw", [1, {"q": [None]}]])}
        ),
        lambda: top.update({rng.choice("mn"): Map({"title": "t", "list": Array([1, Text("in")])})}),
        lambda: top.pop(rng.choice(list(top.keys()))) if len(top) else None,
        lambda: top.update({"sub": Doc()}),
        lambda: array.insert(rng.randint(0, count), rng.choice([1, "two", {"three": 3}, b"4"])),
        lambda: array.append(Map({"k": Text("nested \U0001f600")})),
        lambda: array.pop(rng.randrange(count)) if count else None,
        lambda: xml.children.append(XmlElement("p", {"class": "c"}, [XmlText("hi"), XmlElement("br")])),
    ]
    rng.choice(edits)()


def build_corpus(seed: int) -> tuple[list[bytes], list[bytes]]:
    """Return updates of three clients who edit and sync, and states of their documents."""
    rng = random.Random(seed)
    updates: list[bytes] = []
    docs = [Doc(client_id=n) for n in (1, 2, 300)]
    for doc in docs:
        doc.observe(lambda event: updates.append(event.update))
    states: list[bytes] = []
    for _ in range(25):
        doc = rng.choice(docs)
        with doc.transaction():
            for _ in range(rng.randint(1, 3)):
                edit(doc, rng)
        if rng.random() < 0.3:
            doc.apply_update(rng.choice(docs).get_update())
        if rng.random() < 0.2:
            states.append(doc.get_update())
    states.append(merge_updates(*(doc.get_update() for doc in docs)))
    return updates + states, states


# -- mutation


def mutate(data: bytes, rng: random.Random, corpus: list[bytes]) -> bytes:
    """Change a few bytes; single bytes mostly, because ids in the corpus are small."""
    out = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 2, 3, 6])):
        at = rng.randrange(len(out)) if out else 0
        match rng.randrange(9):
            case 0 | 1 | 2:
                out[at : at + 1] = bytes([rng.choice([0, 1, 2, 3, 5, 10, 127, 128, 255, rng.randrange(256)])])
            case 3 | 4:
                out[at : at + 1] = bytes([((out[at] if out else 0) + rng.choice([-2, -1, 1, 2])) & 255])
            case 5:
                out[at : at + 1] = bytes([(out[at] if out else 0) ^ 1 << rng.randrange(8)])
            case 6:
                out[at:at] = rng.choice(NUGGETS)
            case 7:
                del out[at : at + rng.choice([1, 1, 2, 4, 9])]
            case _:
                other = rng.choice(corpus)
                start = rng.randrange(len(other))
                out[at : at + rng.randrange(8)] = other[start : start + rng.randrange(40)]
    return bytes(out)


NUGGETS = [
    b"\x00",
    b"\x01",
    b"\xff\xff\xff\xff\x07",
    b"\xff\xff\xff\xff\x0f",
    b"\x80\x01",
    b"\x0a\x05",
    b"\x00\x03",
    b"\x84\x01\x00\x01x",
    b"\x81\x01\x00\x01",
    b"\x44\x01\x00\x01x",
    b"\xc4\x01\x00\x01\x01\x01x",
    b"\x27\x01\x03map\x01a\x01",
    b"\x07\x01\x05array\x01",
    b"\x07\x00\x01\x03\x02",
    b"\x89\x01\x00\x01gv\x00",
    b"\x86\x01\x00\x04bold\x04true",
    b"\x04\x00\x01\x02\x01y",
]
"""Structs and numbers worth inserting."""


def acceptable(update: bytes) -> bool:
    """Whether the check lets it through, without astral text: in an array that hangs the reader."""
    try:
        check_update(update)
    except MalformedUpdate:
        return False
    return re.search(rb"[\xf0-\xf4][\x80-\xbf]{3}", update) is None


def generate(rng: random.Random, corpus: list[bytes], states: list[bytes]) -> Iterator[list[bytes]]:
    """Yield cases: a state to start from (or none), then accepted mutants to apply in turn."""
    while True:
        case = [rng.choice([b"\x00\x00", rng.choice(states)])]
        wanted = rng.choice([1, 1, 2, 3])
        while len(case) <= wanted:
            mutant = mutate(rng.choice(corpus), rng, corpus)
            if acceptable(mutant):
                case.append(mutant)
        yield case


# -- execution


def read(doc: Doc) -> None:
    text, top, array, xml = (doc.get(name, type=kind) for name, kind in ROOTS.items())
    str(text), text.diff(), len(text)
    str(top), top.to_py(), list(top.keys()), str(array), array.to_py(), str(xml)
    for child in xml.children:
        str(child)


def apply_merged(updates: list[bytes]) -> None:
    merged = merge_updates(*updates)
    if not check_update(merged).requires:
        doc = Doc()
        doc.apply_update(merged)
        read(doc)


def touch(doc: Doc, rng: random.Random) -> None:
    for _ in range(2):
        edit(doc, rng)


def execute(case: list[bytes], rng: random.Random) -> Iterator[Callable[[], object]]:
    """Yield every use of the updates, each to be run on its own."""
    start, *mutants = case
    for mutant in mutants:
        yield lambda mutant=mutant: merge_updates(start, mutant)
        yield lambda mutant=mutant: (get_state(mutant), get_update(mutant, b"\x00"))
    yield lambda: merge_updates(*mutants)
    yield lambda: apply_merged(mutants)
    doc = Doc(client_id=77)
    doc.observe(lambda event: None)
    yield lambda: (doc.apply_update(start), read(doc))
    for mutant in mutants:
        if check_update(mutant).missing(decode_state_vector(doc.get_state())):
            continue
        yield lambda mutant=mutant: doc.apply_update(mutant)
        yield lambda: read(doc)
        yield lambda: doc.get_update(get_state(start))
    yield lambda: touch(doc, rng)
    yield lambda: (read(doc), Doc().apply_update(doc.get_update()))
    yield lambda: check_update(doc.get_update())


def run_child(seed: int, cases: int, case_file: str) -> None:
    """Run cases, writing each to `case_file` before it is tried."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    rng = random.Random(seed)
    corpus, states = build_corpus(seed)
    outcomes: collections.Counter[str] = collections.Counter()
    with open(case_file, "wb", buffering=0) as file:
        for number, case in zip(range(cases), generate(rng, corpus, states), strict=False):
            line = f"{seed} {number} {' '.join(part.hex() for part in case)}\n".encode()
            os.pwrite(file.fileno(), line, 0)
            file.truncate(len(line))
            run_case(case, rng, outcomes)
    for outcome, count in outcomes.items():
        print(count, outcome)


def run_case(case: list[bytes], rng: random.Random, outcomes: collections.Counter[str]) -> None:
    for step in execute(case, rng):
        try:
            step()
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            outcomes[f"{type(error).__name__}: {re.sub('[0-9]+', '#', str(error))[:90]}"] += 1
            if type(error).__name__ == "PanicException":
                return
        else:
            outcomes["fine"] += 1


# -- supervision


def run_parent(seconds: float, seed: int) -> int:
    """Run children until the time is up; return how many died or hung."""
    ends, deaths = time.monotonic() + seconds, 0
    outcomes: collections.Counter[str] = collections.Counter()
    panics: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        case_file = Path(folder, "case")
        while time.monotonic() < ends:
            verdict, out, err = supervise(seed, case_file, ends)
            for line in out.splitlines():
                count, outcome = line.split(" ", 1)
                outcomes[outcome] += int(count)
            panics.update(re.findall(r"panicked at (\S+)", err))
            if verdict:
                deaths += 1
                print(f"DEATH {verdict}: {err[-300:]!r}\n  {case_file.read_text()}", flush=True)
            seed += 1
    for counter in (outcomes, panics):
        for name, count in counter.most_common():
            print(f"{count:9} {name}")
    print(f"{deaths} deaths, next seed {seed}")
    return deaths


def supervise(seed: int, case_file: Path, ends: float) -> tuple[str | None, str, str]:
    """Run one child; return what killed it, if anything, and its output."""
    command = [sys.executable, __file__, "--child", str(case_file), "--seed", str(seed)]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = subprocess.Popen(command, stdout=out, stderr=err)
        verdict = watch(child, case_file, ends)
        out.seek(0)
        err.seek(0)
        return verdict, out.read(), err.read()


def watch(child: "subprocess.Popen[bytes]", case_file: Path, ends: float) -> str | None:
    last, since = b"", time.monotonic()
    while True:
        try:
            code = child.wait(timeout=1)
            return f"exit code {code}" if code else None
        except subprocess.TimeoutExpired:
            now, case = time.monotonic(), case_file.read_bytes() if case_file.exists() else b""
        if case != last:
            last, since = case, now
        elif now - since > HANG_SECONDS:
            child.kill()
            child.wait()
            return "hang"
        if now > ends:
            child.kill()
            child.wait()
            return None


def replay(case: str) -> None:
    """Run one printed case again, here."""
    outcomes: collections.Counter[str] = collections.Counter()
    run_case([bytes.fromhex(part) for part in case.split()[2:]], random.Random(0), outcomes)
    print(outcomes)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=CASES_PER_CHILD, help="cases before a child is replaced")
    parser.add_argument("--replay", help="a case as it was printed")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        run_child(args.seed, args.cases, args.child)
    elif args.replay:
        replay(args.replay)
    else:
        os.nice(10)
        return run_parent(args.seconds, args.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
