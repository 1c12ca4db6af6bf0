from __future__ import annotations

import asyncio
from collections.abc import Generator

from protobase_actors import in_steps


async def test_others_run_between_two_steps_and_the_end_answers() -> None:
    said: list[str] = []

    def steps() -> Generator[None, None, str]:
        for number in range(3):
            said.append(f"step {number}")
            yield
        return "done"

    async def other() -> None:
        while len(said) < 6:
            said.append("other")
            await asyncio.sleep(0)

    beside = asyncio.ensure_future(other())
    assert await in_steps(steps()) == "done"
    await beside
    assert said[:2] == ["step 0", "step 1"], "the first pause is none: most have but one step"
    assert said.index("other") < said.index("step 2")
