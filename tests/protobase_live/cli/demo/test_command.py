"""The demo runs, serves its page, shows what happens and stops."""

import asyncio
import json
import os
import re
import signal
from contextlib import AsyncExitStack, closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import protobase_live as pb
from protobase_live.cli.demo.data import BOARD, COLUMNS, PEOPLE, Member, Task
from protobase_live.cli.demo.pages import NOT_BUILT, DemoPage
from tests.protobase_live.cli.command import SECONDS, line, run, running, stop

IN_MEMORY = ("demo", "--storage", "memory:", "--port", "0")


async def test_it_stops_by_itself(tmp_path):
    ended = await run("demo", "--storage", f"file:{tmp_path / 'data'}", "--port", "0", "--seconds", "0.5")
    assert (ended.code, ended.err) == (0, "")
    assert re.match(r"open http://127\.0\.0\.1:\d+\n", ended.out)
    assert (NOT_BUILT in ended.out) is not DemoPage().is_built
    assert "\nnodes are at ws://127.0.0.1:" in ended.out
    assert ended.out.endswith("stopped\n")


async def test_people_work_until_ctrl_c():
    async with running(*IN_MEMORY, "--users", "3") as demo:
        await until_line(demo, "fay ", "gus ", "hal ")
        ended = await stop(demo, signal.SIGINT)
    assert (ended.code, ended.err) == (0, "")


async def test_a_node_that_is_killed_comes_back_and_nobody_stops():
    async with running(*IN_MEMORY, "--users", "3") as demo:
        hint = await until_line(demo, "kill one: ")
        (pid, *_) = re.findall(r"\d{2,}", hint)
        os.kill(int(pid), signal.SIGKILL)
        await until_line(demo, "is gone; it is started again")
        await until_line(demo, "fay ", "gus ", "hal ")
        await until_line(demo, "is back, as process ")
        ended = await stop(demo, signal.SIGINT)
    assert (ended.code, ended.err) == (0, "")


async def test_nodes_end_with_the_demo_however_that_ends():
    async with AsyncExitStack() as stack:
        demo = await stack.enter_async_context(running(*IN_MEMORY))
        ports = re.findall(r"ws://127\.0\.0\.1:(\d+)", await until_line(demo, "nodes are at"))
        assert len(ports) == 3
        nodes = [await asyncio.open_connection("127.0.0.1", int(port)) for port in ports]
        demo.kill()
        async with asyncio.timeout(SECONDS):
            await demo.communicate()
            assert [await reader.read() for reader, _ in nodes] == [b""] * 3
        for _, writer in nodes:
            writer.close()


async def test_what_is_there_from_the_start():
    async with running(*IN_MEMORY) as demo:
        page = await page_of(demo)
        state = await until_state(page, agrees)
        async with pb.connect(state["nodes"][1]["url"]) as database:
            people = await (await database.collection(PEOPLE, Member)).items()
            tasks = await (await database.collection(BOARD, Task)).items()
    assert list(people) == [each.name for each in people.values()] == ["ann", "bob", "cy", "dee", "eve"]
    assert {each.owner for each in tasks.values()} <= {*people, None}
    assert {each.column for each in tasks.values()} == set(COLUMNS)


async def test_both_sides_of_a_cut_are_merged_when_it_heals():
    async with running(*IN_MEMORY) as demo:
        page = await page_of(demo)
        await until_state(page, lambda state: all(each["up"] for each in state["links"]))
        for other in ("n1", "n3"):
            state = await ask(page, "POST", f"/director/links/n2/{other}/cut")
        assert [each["cut"] for each in state["links"]] == [True, False, True]
        for n, fields in enumerate(({"title": "Other words"}, {"priority": 9})):
            async with pb.connect(state["nodes"][n]["url"]) as database:
                await (await database.collection(BOARD, Task)).update("task-1", **fields)
        apart = await until_state(
            page, lambda state: [each["behind"] for each in state["links"]] == [2, 0, 2]
        )
        assert [each["up"] for each in apart["links"]] == [False, True, False]
        assert apart["nodes"][0]["hash"] == apart["nodes"][2]["hash"]
        for other in ("n1", "n3"):
            await ask(page, "POST", f"/director/links/n2/{other}/heal")
        healed = await until_state(page, lambda state: all(each["up"] for each in state["links"]))
        assert not any(each["cut"] for each in healed["links"])
        await until_state(page, agrees)
        async with pb.connect(state["nodes"][2]["url"]) as database:
            merged = await (await database.collection(BOARD, Task)).get("task-1")
    assert (merged.title, merged.priority) == ("Other words", 9)


async def test_a_page_kills_a_node_and_starts_it():
    async with running(*IN_MEMORY) as demo:
        page = await page_of(demo)
        killed = await ask(page, "POST", "/director/nodes/n3/kill")
        assert (killed["nodes"][2]["state"], killed["nodes"][2]["pid"], killed["nodes"][2]["hash"]) == (
            "down",
            None,
            None,
        )
        started = await ask(page, "POST", "/director/nodes/n3/start")
        assert started["nodes"][2]["state"] == "up"
        assert started["nodes"][2]["pid"] is not None
        await until_state(page, agrees)


def agrees(state) -> bool:
    """Whether all nodes show the same."""
    (hash, *others) = {each["hash"] for each in state["nodes"]}
    return hash is not None and not others


async def until_state(page: str, holds) -> dict[str, Any]:
    """How the demo is, once that holds."""
    async with asyncio.timeout(SECONDS):
        while not holds(state := await ask(page, "GET", "/director/state")):
            pass
    return state


async def page_of(demo) -> str:
    return (await until_line(demo, "open ")).split()[1]


async def ask(page: str, method: str, path: str, body: object = None) -> dict[str, Any]:
    """What the director answers."""

    def answer() -> dict[str, Any]:
        with closing(HTTPConnection(urlsplit(page).netloc, timeout=SECONDS)) as connection:
            connection.request(method, path, json.dumps(body or {}), {"content-type": "application/json"})
            return json.loads(connection.getresponse().read())

    return await asyncio.to_thread(answer)


async def until_line(demo, *parts: str) -> str:
    """Its next line that has one of these in it."""
    while True:
        text = await line(demo)
        assert text, "the demo has ended"
        if any(part in text for part in parts):
            return text
