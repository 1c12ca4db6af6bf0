"""Taking away what somebody may do, and serving with a policy."""

from __future__ import annotations

from pathlib import Path

import pytest

import protobase_live as pb
from protobase_live import Identity, Policy, Rule
from protobase_live.cli.serve import options
from protobase_live.cli.settings import settings
from tests.protobase_live.cli.command import run


async def test_who_administers_revokes_and_lets_in_again():
    policy = Policy([Rule("*", {"sub": "root"}, "admin"), Rule("tasks")])
    async with (
        pb.open("memory:") as db,
        pb.Server(db, port=0, authenticate=Identity, policy=policy) as server,
        pb.connect(server.url, token="ann") as ann,
    ):
        tasks = await ann.collection("tasks")
        assert await tasks.keys() == []
        refused = await run("revoke", server.url, "ann", "tasks", "--token", "bob")
        assert (refused.code, refused.out) == (1, "")
        assert refused.err == "error: you may not administer collection 'tasks' (admin)\n"
        assert (await run("revoke", server.url, "ann", "tasks", "--token", "root")).code == 0
        with pytest.raises(pb.Forbidden):
            await tasks.keys()
        assert (await run("revoke", server.url, "ann", "--let-in", "--token", "root")).code == 0
        assert await tasks.keys() == []


def test_the_policy_is_a_setting():
    given = options(["--policy", "rules.toml"])
    assert given is not None
    assert settings(given, {}).policy == "rules.toml"
    assert settings({}, {"PROTOBASE_POLICY": "p.py"}).policy == "p.py"


async def test_a_policy_that_cannot_be_read_lets_nobody_in(tmp_path: Path):
    path = tmp_path / "policy.toml"
    path.write_text('[[rule]]\ncollections = "tasks"\nactions = "reed"\n')
    for given, said in ((path, "rule 1, of 'tasks'"), ("", "error: --policy")):
        ended = await run("serve", "--storage", "memory:", "--listen", "127.0.0.1:0", f"--policy={given}")
        assert (ended.code, ended.out) == (1, "")
        assert said in ended.err
        assert "Traceback" not in ended.err
