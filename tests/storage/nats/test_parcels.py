"""What is stored together."""

import asyncio

from protobase_storage.conformance.model import make_commit
from protobase_storage.nats.parcels import parcels_of
from protobase_storage.nats.works import Append


async def append_to(*names: str) -> Append:
    return Append(
        asyncio.get_running_loop().create_future(), 0, commits=[make_commit(name, 1) for name in names]
    )


async def test_what_shares_no_collection_is_apart() -> None:
    a, b, ab, c, a2 = [await append_to(*names) for names in ("a", "b", "ab", "c", "a")]
    parcels = parcels_of([a, b, ab, c, a2])
    assert [parcel.works for parcel in parcels] == [[a, b, ab, a2], [c]]
    assert parcels[0].collections == ("a", "b")


async def test_chains_are_one_parcel_in_call_order() -> None:
    works = [await append_to(*names) for names in ("ab", "cd", "ef", "bc", "de")]
    assert [parcel.works for parcel in parcels_of(works)] == [works]


async def test_a_parcel_has_one_message_a_collection() -> None:
    [parcel] = parcels_of([await append_to("a", "b"), await append_to("a")])
    assert {name: len(effects) for name, effects in parcel.effects().items()} == {"a": 2, "b": 1}
