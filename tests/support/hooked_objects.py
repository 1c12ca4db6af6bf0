"""Objects of a process that have something happen before a request is done, or before its answer comes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from protobase_storage.cloud.simulated import Bucket, SimulatedObjects

Hook = Callable[[], Awaitable[object]]


class HookedObjects(SimulatedObjects):
    """A hook is for the beginning of a key, and for one request: who sets it again has it once more."""

    def __init__(self, bucket: Bucket) -> None:
        super().__init__(bucket)
        self.before_put: dict[str, Hook] = {}
        self.after_put: dict[str, Hook] = {}
        self.before_delete: dict[str, Hook] = {}

    async def put(self, key: str, body: bytes) -> bool:
        """See `ObjectStore.put`."""
        await _call(self.before_put, key)
        is_new = await super().put(key, body)
        await _call(self.after_put, key)
        return is_new

    async def delete(self, keys: Sequence[str]) -> None:
        """See `ObjectStore.delete`."""
        for key in keys:
            await _call(self.before_delete, key)
        await super().delete(keys)


async def _call(hooks: dict[str, Hook], key: str) -> None:
    for beginning in [each for each in hooks if key.startswith(each)]:
        await hooks.pop(beginning)()
