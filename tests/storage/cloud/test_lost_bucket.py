"""A bucket that is deleted while a database is open, and comes back empty, and then with what was in it."""

import pytest

from protobase_storage import StorageError
from protobase_storage.cloud.address import parse_address
from protobase_storage.cloud.blocking import ThreadedObjects
from protobase_storage.cloud.storage import CloudStorage
from protobase_storage.conformance.model import make_commit
from protobase_storage.s3 import S3Objects
from tests.support.cloud_servers import s3_client

BUCKET = "vanishing"


async def test_a_bucket_that_came_back_empty_is_not_written_to(moto: str) -> None:
    client = s3_client(moto)
    client.create_bucket(Bucket=BUCKET)
    objects = S3Objects(parse_address(f"s3://{BUCKET}/db?endpoint={moto}"))
    storage = await CloudStorage.open(ThreadedObjects(objects), interval=0)
    await storage.append([make_commit("a", 1)])
    keys = [each["Key"] for each in client.list_objects_v2(Bucket=BUCKET)["Contents"]]
    kept = {key: client.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}
    for key in keys:
        client.delete_object(Bucket=BUCKET, Key=key)
    client.delete_bucket(Bucket=BUCKET)
    with pytest.raises(StorageError, match=r"NoSuchBucket.*make the bucket first"):
        await storage.append([make_commit("a", 2)])
    client.create_bucket(Bucket=BUCKET)
    for _ in range(2):
        with pytest.raises(StorageError, match="s3://vanishing/db: the database is gone"):
            await storage.append([make_commit("a", 2)])
    assert "Contents" not in client.list_objects_v2(Bucket=BUCKET)
    for key, body in kept.items():
        client.put_object(Bucket=BUCKET, Key=key, Body=body)
    await storage.append([make_commit("a", 2)])
    assert (await storage.load("a")).commits == (make_commit("a", 1), make_commit("a", 2))
    await storage.close()
