"""Opening a database by its address, and what the package gives."""

import pytest

import protobase_live as pb
from protobase_live.database.opening import open_storage


async def test_memory_is_gone_at_the_end():
    for _ in range(2):
        async with pb.open("memory:", author="ann") as db:
            tasks = await db.collection("tasks")
            async with tasks.changes() as changes:
                await tasks.insert({"n": 1}, key="t")
                assert (await anext(changes)).author == "ann"


async def test_file_is_kept_and_held_by_one(tmp_path):
    url = f"file:{tmp_path / 'data'}"
    async with pb.open(url) as db:
        await (await db.collection("tasks")).insert({"n": 1}, key="t")
        with pytest.raises(pb.StorageFailed, match="held by this process"):
            async with pb.open(url):
                pass
    async with pb.open(url) as db:
        assert await (await db.collection("tasks")).get("t") == {"n": 1}


@pytest.mark.parametrize("url", ["", "memory", "memory:x", "file:", "data", "nosuch:x", "FILE:x"])
async def test_unknown_addresses_name_the_known(url):
    with pytest.raises(pb.ValidationError, match="use 'memory:', 'file:PATH', 's3://BUCKET/PREFIX', "):
        async with pb.open(url):
            pass


async def test_a_database_may_outlive_a_block(tmp_path):
    db = await pb.open(f"file:{tmp_path}")
    await (await db.collection("tasks")).insert({"n": 1}, key="t")
    await db.close()
    async with pb.open(f"file:{tmp_path}") as db:
        assert await (await db.collection("tasks")).get("t") == {"n": 1}


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("file://data", "names a host; write file:data"),
        ("file://host/data", "names a host; write file:host/data"),
        ("file:data?mode=ro", "takes no options"),
        ("file:my%20data", "write 'file:my data'"),
        ("file:~nobody-of-that-name/data", "there is no home"),
    ],
)
async def test_an_address_that_means_something_else_elsewhere(url, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(pb.ValidationError, match=said):
        await pb.open(url)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("url", ["file:~/data", "file://{home}/data", "file:{home}/data", "file:data"])
async def test_where_a_folder_is(url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    async with pb.open(url.format(home=tmp_path)):
        assert (tmp_path / "data" / "protobase.db").exists()


async def test_a_database_that_is_there_is_opened_whatever_it_is_called(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("my%20data", "data?mode=ro"):
        async with pb.open("file:data"):
            pass
        (tmp_path / "data").rename(tmp_path / name)
        async with pb.open(f"file:{name}") as db:
            assert await db.collections() == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nats:", "names no server; write nats://HOST"),
        ("nats://host", "a stream's name has"),
        ("s3:", "names no bucket; write s3://BUCKET/PREFIX"),
        ("s3:///prefix", "names no bucket"),
        ("gs:bucket", "names no bucket"),
        ("s3://key:secret@bucket/a", "^an address with a secret is shown in messages"),
        ("s3://bucket/a//b", "may not be empty"),
        ("s3://bucket/../b", "may not be empty, '.' or '..'"),
        ("gs://bucket/" + "x" * 257, "more than 256 bytes"),
        ("s3://bucket/a?secret=x", "unknown option 'secret'; known are endpoint, region, local"),
    ],
)
async def test_addresses_in_clouds(url, said):
    with pytest.raises(pb.ValidationError, match=said):
        async with pb.open(url):
            pass


async def test_what_has_to_be_there_and_cannot_be_looked_for(tmp_path):
    with pytest.raises(pb.StorageFailed, match=r"cannot look for a database in .*: File name too long"):
        await open_storage(f"file:{tmp_path}/{'x' * 300}", must_exist=True)


async def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(pb.StorageFailed, match="cannot open"):
        async with pb.open(f"file:{tmp_path / 'file'}"):
            pass


@pytest.mark.parametrize("name", ["x" * 300, "\0", "\ud800", "x" * 300 + "/y"])
async def test_a_folder_that_cannot_be_there(tmp_path, name):
    for url in (f"file:{tmp_path}/{name}", f"file:{name}"):
        with pytest.raises(pb.StorageFailed, match=r"cannot open .* cannot be used"):
            await pb.open(url)
    assert [*tmp_path.iterdir()] == []


def test_every_name_is_there_and_unknown_ones_are_told():
    for name in pb.__all__:
        assert getattr(pb, name) is not None
    assert set(pb.__all__) <= set(dir(pb))
    with pytest.raises(AttributeError, match="no attribute 'nosuch'"):
        _ = pb.nosuch
