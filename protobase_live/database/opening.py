"""Opening a database by the address of its storage: the one place, beside the CLI, that chooses a backend."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from protobase_live.cluster.limits import ClusterLimits
from protobase_live.collection.limits import DEFAULT_LIMITS, DEFAULT_STORAGE_LIMITS, Limits, StorageLimits
from protobase_live.database.database import Database
from protobase_live.database.sharing import check_sharing
from protobase_live.errors import StorageFailed, ValidationError
from protobase_live.handles.entering import Entering
from protobase_live.limits import check_limits
from protobase_live.live.limits import ViewLimits
from protobase_live.model.arguments import texts
from protobase_live.model.atoms import Atom
from protobase_live.model.durability import durability as parse_durability
from protobase_live.model.names import check_author, check_node
from protobase_live.model.schemas import Schemas
from protobase_live.model.values import quoted, short
from protobase_live.presence.limits import PresenceLimits
from protobase_storage import MemoryStorage, Storage, StorageError

if TYPE_CHECKING:
    from protobase_storage.cloud.address import CloudAddress

KNOWN = "'memory:', 'file:PATH', 's3://BUCKET/PREFIX', 'gs://BUCKET/PREFIX' or 'nats://HOST/STREAM'"
"""The addresses that this version opens, for messages."""

CLOUDS = ("s3", "gs")
"""Schemes of object stores."""


def open(
    url: str,
    *,
    author: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
    view_limits: ViewLimits | None = None,
    presence_limits: PresenceLimits | None = None,
    storage_limits: StorageLimits | None = None,
    cluster_limits: ClusterLimits | None = None,
    node_id: str | None = None,
    durability: str = "local",
    owner: str | Sequence[str] = (),
    schemas: Mapping[str, type[Atom]] | None = None,
) -> Entering[Database]:
    """The database stored at ``url``, in this process, until the block ends: ``async with`` it. Or ``await``
    it and call ``close()`` in the end.

    ``url`` is ``memory:`` (gone at the end), ``file:PATH`` (a folder, made if missing, held by one process at
    a time), or ``s3://BUCKET/PREFIX`` or ``gs://BUCKET/PREFIX`` (who opens it takes it over, and who had it
    open stops; ``?endpoint=URL&region=NAME`` say where it is, if that is not where the provider has it), or
    ``nats://HOST[,HOST]/STREAM`` (a stream of NATS JetStream, made if missing; ``?replicas=N`` says with how
    many replicas, ``?credentials=FILE`` who asks, ``?snapshots=s3://BUCKET/PREFIX`` where large snapshots
    are, with ``&`` in that address written as ``%26``).

    ``author`` is written into the commits made through it. ``limits`` are those of the database,
    ``view_limits`` those of its queries, ``presence_limits`` those of presence,
    ``storage_limits`` those of its storage, ``cluster_limits`` those of its links to other nodes, which call
    it ``node_id``; None: by an id that is made with the storage. ``durability`` says on how many nodes what
    is written is durable before it is acknowledged: ``local``, ``peers=K`` (on K others), ``majority``.
    ``owner`` are patterns such as ``orders*``: transactions on collections of such names are carried out by
    one node of the cluster at a time, once a `Server` has linked it with the others.
    ``schemas`` are classes of Atoms by patterns such as ``tasks/*``: what does not fit is not written into
    collections of such names, whoever writes it and by whichever door.

    Raises ValidationError for an address that is none of these, for limits of another class, for what is
    no node id or no schema, for what a stream cannot give, and StorageFailed when the storage cannot be
    opened, for instance because another process holds it.
    """
    check_limits(limits=(limits, Limits), view_limits=(view_limits, ViewLimits))
    check_limits(presence_limits=(presence_limits, PresenceLimits))
    check_limits(storage_limits=(storage_limits, StorageLimits))
    check_limits(cluster_limits=(cluster_limits, ClusterLimits))
    if not isinstance(cast(Any, url), str):
        raise ValidationError(f"pb.open() takes an address as a text, {KNOWN}, not {short(url)}")
    check_author(author)
    if node_id is not None:
        check_node(node_id)
    level = parse_durability(durability)
    checked = Schemas(schemas)

    owners = (
        (owner,)
        if isinstance(owner, str)
        else tuple(texts("owner=", "a pattern such as 'orders*', or a list", owner))
    )

    async def begin() -> Database:
        storage = await open_storage(url, limits=storage_limits or DEFAULT_STORAGE_LIMITS)
        try:
            check_sharing(storage, level, owners)
        except ValidationError:
            await storage.close()
            raise
        return Database(
            storage,
            author=author,
            limits=limits,
            view_limits=view_limits,
            presence_limits=presence_limits,
            cluster_limits=cluster_limits,
            node_id=node_id,
            durability=level,
            owner=owners,
            address=url,
            schemas=checked,
        )

    return Entering(begin, f"Database {quoted(url)}")


async def open_storage(
    url: str,
    *,
    must_exist: bool = False,
    read_only: bool = False,
    limits: StorageLimits = DEFAULT_STORAGE_LIMITS,
) -> Storage:
    """The storage at ``url``; with ``must_exist``, one that is missing is not made.

    With ``read_only`` it must exist, too, and nothing may be written: an object store is only looked at, and
    who has the database open goes on.

    Raises ValidationError and StorageFailed as `open` does.
    """
    scheme, colon, path = url.partition(":")
    if url == "memory:":
        return MemoryStorage()
    if colon and scheme in CLOUDS:
        return await (_view_cloud(url, limits) if read_only else _open_cloud(url, must_exist, limits))
    if colon and scheme == "nats":
        return await _open_nats(url, must_exist or read_only, limits)
    if scheme != "file" or not path:
        raise ValidationError(f"{url!r} is no storage; use {KNOWN}")
    from protobase_live.database.folder import open_folder  # only who uses one needs what it loads

    with _opening(url):
        return await open_folder(url, path, must_exist=must_exist, read_only=read_only, limits=limits)


async def _open_cloud(url: str, must_exist: bool, limits: StorageLimits) -> Storage:
    from protobase_storage.clouds import open_cloud, open_local_cloud

    address = _cloud_address(url)
    options: dict[str, Any] = {
        "must_exist": must_exist,
        "backlog_limit": limits.unstored_bytes,
        "reads_limit": limits.waiting_reads,
        "interval": limits.interval_seconds,
        "checkpoint_slots": limits.checkpoint_slots,
    }
    with _opening(url):
        if address.local is None:
            return await open_cloud(address, **options)
        return await open_local_cloud(
            address,
            address.local,
            unuploaded_bytes=limits.unuploaded_bytes,
            unuploaded_seconds=limits.unuploaded_seconds,
            max_bytes=limits.file_bytes,
            reserve_bytes=limits.reserve_bytes,
            **options,
        )


async def _view_cloud(url: str, limits: StorageLimits) -> Storage:
    from protobase_storage.clouds import view_cloud

    address = _cloud_address(url)
    with _opening(url):
        return await view_cloud(address, reads_limit=limits.waiting_reads)


async def _open_nats(url: str, must_exist: bool, limits: StorageLimits) -> Storage:
    from protobase_storage.nats.address import parse_address
    from protobase_storage.nats.storage import NatsStorage

    try:
        address = parse_address(url)
    except ValueError as error:
        raise ValidationError(str(error)) from None
    with _opening(url):
        return await NatsStorage.open(
            address,
            must_exist=must_exist,
            seconds=limits.stream_seconds,
            backlog_limit=limits.unstored_bytes,
            reads_limit=limits.waiting_reads,
        )


def _cloud_address(url: str) -> CloudAddress:
    from protobase_storage.clouds import parse_address

    try:
        return parse_address(url)
    except ValueError as error:
        raise ValidationError(str(error)) from None


@contextmanager
def _opening(url: str) -> Generator[None]:
    try:
        yield
    except StorageError as error:
        raise StorageFailed(f"cannot open {url!r}: {error}") from error
