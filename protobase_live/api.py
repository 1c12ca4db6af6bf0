"""What every database offers its users, embedded or over the wire."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, overload

from protobase_live.errors import ValidationError
from protobase_live.handles import ChangeStream, Collection, Ids, Loader, OnInvalid, Row, system_ids
from protobase_live.model.atoms import Atom
from protobase_live.model.durability import Durability
from protobase_live.model.durability import durability as parse_durability
from protobase_live.model.erasure import Erasure
from protobase_live.model.names import check_collection, known_collection
from protobase_live.model.nearest import no_collection
from protobase_live.model.operations import Check, CollectionInfo, Op, Read, Receipt
from protobase_live.model.state_hash import StateHash
from protobase_live.model.values import short
from protobase_live.protocol.packing import pack
from protobase_live.transactions.contenders import Contenders
from protobase_live.transactions.limits import DEFAULT_TRANSACTION_LIMITS, TransactionLimits
from protobase_live.transactions.transact import transact
from protobase_live.transactions.transaction import Transaction

if TYPE_CHECKING:  # what is imported when somebody asks for it: a server that only relays starts without
    from protobase_live.handles.presence import Presence
    from protobase_live.live.live import Line, Live
    from protobase_live.model.node_status import NodeStatus
    from protobase_live.query.explanation import Explanation
    from protobase_live.query.language.query import Query
    from protobase_live.query.result.rows import Rows

T = TypeVar("T")
R = TypeVar("R")

NOTHING_STORED = pack((None, (), b""))
"""What is stored of a collection that never was there."""

MAX_CHECKED = 1_024
"""Queries that are remembered as checked."""

MAX_KNOWN_CLASSES = 10_000
"""Collections whose Atom class a database remembers for queries; above it the oldest is forgotten."""


class DatabaseApi(ABC):
    """Collections and transactions over a backend; Backend, Port and Source of the handles it gives out."""

    def __init__(
        self, *, ids: Ids = system_ids, transactions: TransactionLimits = DEFAULT_TRANSACTION_LIMITS
    ) -> None:
        """``ids`` gives keys to records inserted without one, ``transactions`` are the limits of those."""
        self._ids = ids
        self._transactions = transactions
        self._contenders = Contenders()
        self._loaders: dict[str, Loader] = {}

    @overload
    async def collection(self, name: str) -> Collection[Row]: ...
    @overload
    async def collection(
        self, name: str, atom: type[T], *, on_invalid: OnInvalid = "skip"
    ) -> Collection[T]: ...
    async def collection(
        self, name: str, atom: type[T] | None = None, *, on_invalid: OnInvalid = "skip"
    ) -> Collection[T] | Collection[Row]:
        """The collection ``name``; its records are of the class ``atom``, or dicts.

        Raises InvalidName, and ValidationError for another class than it was opened with before: queries of
        this database give Atoms of one. A class that is defined anew under its name takes the other's place.

        Queries know the class from now on, and the indexes it names are declared. A record that does not fit
        the class is left out wherever several are read (``on_invalid="skip"``; `Collection.misfits` lists
        them), given as a `Misfit` (``"raw"``), or raises ValidationError (``"raise"``).
        """
        loader = None if atom is None else self._know(check_collection(name), atom, on_invalid)
        found = Collection(self, name, atom, loader=loader, source=self, ids=self._ids)
        await found.declare_indexes()
        return found

    def transaction(self, *, author: str | None = None, durability: str | None = None) -> Transaction:
        """Several operations, also on several collections, all or nothing: ``async with`` it.

        ``durability`` says on how many nodes it is durable when the block ends: ``local``, ``peers=K`` (on K
        others), ``majority``; None: as the database says. Its end raises NotReplicated if it is done, and not
        known to be on so many in time.
        """
        level = None if durability is None else parse_durability(durability)
        return Transaction(self, author=author, durability=level, ids=self._ids, limits=self._transactions)

    @overload
    async def transact(
        self,
        fn: Callable[[Transaction], Awaitable[R]],
        *,
        author: str | None = None,
        durability: str | None = None,
    ) -> R: ...
    @overload
    async def transact(
        self, fn: Callable[[Transaction], R], *, author: str | None = None, durability: str | None = None
    ) -> R: ...
    async def transact(
        self, fn: Callable[[Transaction], Any], *, author: str | None = None, durability: str | None = None
    ) -> Any:
        """Run ``fn(tx)``, plain or async, in a transaction, again after a Conflict; its result.

        ``durability`` as in `transaction`. Raises Conflict after too many attempts, ValidationError inside
        the function of another `transact` and for a generator function.
        """
        return await transact(
            self,
            fn,
            contenders=self._contenders,
            author=author,
            durability=None if durability is None else parse_durability(durability),
            ids=self._ids,
            limits=self._transactions,
        )

    async def write(self, collection: str, ops: Sequence[Op], durability: Durability | None = None) -> None:
        """Carry out ``ops`` on one collection, all or none; durable on return."""
        await self.commit({collection: ops}, durability=durability)

    # queries

    async def query(self, query: Query | str, params: Mapping[str, Any] | None = None) -> Rows:
        """The rows of a query now, as dicts; as Atoms if they are whole records of a class that is known.

        A query may be a text: ``"tasks where not done"``. ``params`` gives the values of its parameters.
        Everything that was acknowledged before is seen.
        Raises ValidationError, LimitExceeded, Unavailable.
        """
        from protobase_live.query.result.rows import Rows

        bound, loader = self._prepared(query, params)
        rows = await self._query(bound)
        return Rows(loader.rows(rows) if loader else rows)

    async def explain(self, query: Query | str, params: Mapping[str, Any] | None = None) -> Explanation:
        """How a query is answered, and what that costs, once the declared indexes are built."""
        return await self._explain(self._prepared(query, params)[0])

    def live(
        self,
        query: Query | str,
        params: Mapping[str, Any] | None = None,
        *,
        since: str | None = None,
        rows: Sequence[Any] | None = None,
    ) -> Live:
        """The rows of a query, kept current: ``async with`` it.

        To go on where another one was left, give its ``cursor`` and ``rows``. Raises ValidationError.
        """
        from protobase_live.live.live import Live

        bound, loader = self._prepared(query, params)
        return Live(self._line(bound), loader, since, rows)

    async def build(self, collection: str) -> None:
        """Wait until the declared indexes of a collection can be used."""
        from protobase_live.query.language.query import Query

        await self._explain(Query(collection))

    def _prepared(self, asked: Query | str, params: Mapping[str, Any] | None) -> tuple[Query, Loader | None]:
        """The query with its parameters, and what makes Atoms of its rows."""
        query = _query_of(asked)
        _check_names(query, tuple(map(self._atom_of, query.collections)))
        return query.bind(params or {}), self._loader_of(query) if query.keeps_records else None

    def _atom_of(self, name: str) -> type[Atom] | None:
        known = self._loaders.get(name)
        return known.atom if known else None

    def _loader_of(self, query: Query) -> Loader | None:
        known = self._loaders.get(query.collection)
        if query.atom is None or (known and known.atom is query.atom):
            return known
        return Loader(query.collection, query.atom, known.on_invalid if known else "skip")

    def _know(self, name: str, atom: type[Any], on_invalid: OnInvalid) -> Loader:
        """What makes Atoms of a collection's records, which is also what queries use from now on.

        Raises ValidationError while they use another class.
        """
        known = self._loaders.get(name)
        if known is None or known.atom is not atom or known.on_invalid != on_invalid:
            made = Loader(name, atom, on_invalid)
            if known is not None:
                known.require_same(made.atom)
            known = made
        self._loaders.pop(name, None)  # so that it is the newest
        self._loaders[name] = known
        if len(self._loaders) > MAX_KNOWN_CLASSES:
            del self._loaders[next(iter(self._loaders))]
        return known

    @abstractmethod
    async def _query(self, query: Query) -> list[Row]:
        """The rows of a query without parameters, for the caller to keep."""

    @abstractmethod
    async def _explain(self, query: Query) -> Explanation:
        """How a query without parameters is answered."""

    @abstractmethod
    def _line(self, query: Query) -> Line:
        """What a live query hears through."""

    # what they are built on

    @abstractmethod
    async def read(self, collection: str, read: Read) -> Any:
        """Answer one question; everything the answer shows is durable."""

    @abstractmethod
    async def commit(
        self,
        writes: Mapping[str, Sequence[Op]],
        checks: Sequence[Check] = (),
        author: str | None = None,
        durability: Durability | None = None,
    ) -> Receipt:
        """Carry out all ``writes`` or none, if every check still holds; durable on return."""

    @abstractmethod
    def changes(self, collection: str, since: str | None = None) -> ChangeStream:
        """The changes of a collection, after the cursor ``since`` or from now on."""

    @abstractmethod
    async def collections(self, prefix: str = "") -> list[CollectionInfo]:
        """The collections whose names begin with ``prefix``, in order, and what they take."""

    @abstractmethod
    async def drop(self, collection: str) -> None:
        """Delete a collection with its history; durable on return."""

    @abstractmethod
    async def erase(self, collection: str, key: str | None = None) -> Erasure:
        """Have no byte left of a collection or, with ``key``, of a record and its past, on any node.

        Raises Unavailable, and nothing was erased, while another node has more of the collection."""

    @abstractmethod
    async def state_hash(self, collection: str) -> StateHash:
        """A hash of what users see of a collection, and the commits that it is of; all of it is durable."""

    @abstractmethod
    async def cluster_status(self) -> NodeStatus:
        """How the node that serves this is linked with others, and how far these are."""

    async def backup(self, collection: str) -> bytes:
        """All that is stored of a collection, exactly as it is, for `restore`. Of a deleted one that is what
        its deletion left.

        Raises ValidationError for a collection that was never there, InvalidName for what can be none.
        """
        if (stored := await self.stored(collection)) == NOTHING_STORED:
            known_collection(collection)
            raise ValidationError(no_collection(collection, [each.name for each in await self.collections()]))
        return stored

    @abstractmethod
    async def stored(self, collection: str) -> bytes:
        """What `backup` gives, and nothing in the same form for a collection that was never there."""

    @abstractmethod
    async def restore(self, collection: str, stored: bytes) -> None:
        """Store what `backup` gave, in a collection that is empty or has the beginning of it."""

    @abstractmethod
    def presence(self, collection: str, state: Any = None) -> Presence:
        """Who else is in a collection; ``state`` is what the others see of this one."""


def _query_of(asked: Any) -> Query:
    from protobase_live.query.language.query import Query
    from protobase_live.query.language.text import parse

    if isinstance(asked, Query):
        return asked
    if isinstance(asked, str):
        return parse(asked)
    raise ValidationError(
        f"a query is pb.Query('tasks') or a text such as 'tasks where not done', not {short(asked)}"
    )


@lru_cache(MAX_CHECKED)
def _check_names(query: Query, atoms: tuple[type[Atom] | None, ...]) -> None:
    """`check_names`, once for a query with these classes of its collections, in the order of their names."""
    from protobase_live.query.language.shape import check_names

    known = zip(query.collections, atoms, strict=True)
    check_names(query, {name: atom for name, atom in known if atom})
