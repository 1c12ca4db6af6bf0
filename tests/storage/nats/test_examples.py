"""The files of `examples/stream`: what they start does start, on three real servers."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml

import protobase_live as pb
from tests.protobase_live.cli.command import run
from tests.support.nats_places import stream_of
from tests.support.nats_servers import NatsServer
from tests.support.server_process import COMMAND, ServerProcess

FOLDER = Path(__file__).parents[3] / "examples" / "stream"
SERVERS = "nats-0.nats:4222,nats-1.nats:4222,nats-2.nats:4222"
"""As the files name them."""

KUBERNETES: list[Any] = list(yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text()))
COMPOSE: Any = yaml.safe_load((FOLDER / "compose.yaml").read_text())


def of_kind(kind: str) -> dict[str, Any]:
    """The objects of one kind by name."""
    return {each["metadata"]["name"]: each for each in KUBERNETES if each["kind"] == kind}


def container(kind: str, name: str) -> Any:
    """The only one of the pods of this."""
    (found,) = of_kind(kind)[name]["spec"]["template"]["spec"]["containers"]
    return found


def served(script: str) -> list[str]:
    """The arguments of `protobase-live serve` in a shell script."""
    _, _, command = script.partition("exec ")
    program, verb, *arguments = shlex.split(command)
    assert (program, verb) == ("protobase-live", "serve")
    return arguments


def status(url: str) -> int:
    """How a probe is answered."""
    with urlopen(url) as answer:
        return answer.status


NODE = container("Deployment", "protobase-live")
COMMANDS = [NODE["command"][2], *(COMPOSE["services"][f"node-{n}"]["command"][2] for n in (0, 1))]


@pytest.mark.parametrize("script", dict.fromkeys(COMMANDS), ids=["kubernetes", "compose"])
async def test_a_node_serves(tmp_path: Path, on_three: list[NatsServer], script: str) -> None:
    options = served(script)
    keys = tmp_path / "jwt-keys"
    keys.write_text("c2VjcmV0IHRoYXQgaXMgbG9uZyBlbm91Z2ggZm9yIEhTMjU2\n")
    options[options.index("--jwt-keys") + 1] = str(keys)
    storage = options.pop(options.index("--storage") + 1)
    options.remove("--storage")
    at = options.index("--listen")
    assert options[at : at + 2] == ["--listen", "0.0.0.0:8765"]
    del options[at : at + 2]
    assert SERVERS in storage
    hosts = ",".join(each.host for each in on_three)
    storage = storage.replace(SERVERS, hosts).replace("/database?", f"/{stream_of(tmp_path)}?")
    token = (await run("token", "ann", "--keys", keys, "--algorithm", "HS256")).out.strip()
    command = (str(COMMAND), "serve", *options)
    async with ServerProcess(tmp_path, command, storage=storage) as server:
        async with pb.connect(server.live, token=token) as db:
            await (await db.collection("tasks")).put({}, key="a")
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            url = f"http://127.0.0.1:{server.port}{NODE[probe]['httpGet']['path']}"
            assert await asyncio.to_thread(status, url) == 200
        assert await server.stop() == 0


def test_nats_takes_its_configuration() -> None:
    program = Path(sys.executable).with_name("nats-server")
    environment = {**os.environ, "SERVER_NAME": "nats-0"}
    command = [program, "-t", "-c", FOLDER / "nats.conf"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, "is valid" in done.stderr) == (0, True), done.stderr


def test_nats_is_probed_where_it_answers(on_three: list[NatsServer]) -> None:
    nats = container("StatefulSet", "nats")
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert status(f"http://127.0.0.1:{on_three[0].monitor}{nats[probe]['httpGet']['path']}") == 200


def test_what_selects_pods_finds_them() -> None:
    pods = [*of_kind("StatefulSet").values(), *of_kind("Deployment").values()]
    labels = {each["metadata"]["name"]: each["spec"]["template"]["metadata"]["labels"] for each in pods}
    for each in pods:
        assert each["spec"]["selector"]["matchLabels"] == labels[each["metadata"]["name"]]
    for name, service in of_kind("Service").items():
        assert service["spec"]["selector"] == labels[name]
    for name, budget in of_kind("PodDisruptionBudget").items():
        assert budget["spec"]["selector"]["matchLabels"] == labels[name]


def test_what_is_mounted_is_there() -> None:
    for kind, name in (("StatefulSet", "nats"), ("Deployment", "protobase-live")):
        pod = of_kind(kind)[name]["spec"]
        there = {each["name"] for each in pod["template"]["spec"]["volumes"]}
        there |= {each["metadata"]["name"] for each in pod.get("volumeClaimTemplates", ())}
        assert {each["name"] for each in container(kind, name)["volumeMounts"]} == there
    services = COMPOSE["services"]
    assert {each["environment"]["SERVER_NAME"] for name, each in services.items() if "nats" in name} == {
        f"nats-{n}" for n in range(3)
    }
    assert {volume.partition(":")[0] for each in services.values() for volume in each.get("volumes", ())} == {
        *COMPOSE["volumes"]
    }
