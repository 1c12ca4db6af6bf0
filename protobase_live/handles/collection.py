"""A collection: records under keys, and named structures beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Generic, TypeVar, cast, overload

from protobase_live.errors import Forbidden, ValidationError, naming
from protobase_live.handles.atom_changes import AtomChanges
from protobase_live.handles.awaitable import then
from protobase_live.handles.index_names import index_text, parse_index
from protobase_live.handles.loader import Loader
from protobase_live.handles.misfit import Misfit
from protobase_live.handles.presence import Presence
from protobase_live.handles.source import ChangeStream, Source
from protobase_live.handles.structures_of import H, Structures
from protobase_live.model.arguments import require
from protobase_live.model.atoms import Atom, check_element, check_fields, complete, dump, merges, unknown
from protobase_live.model.durability import Durability
from protobase_live.model.durability import durability as parse_durability
from protobase_live.model.ids import Ids, system_ids
from protobase_live.model.names import check_collection, known_name
from protobase_live.model.operations import INDEXES, RECORDS, CheckedOp, Op, Port, Read, Target
from protobase_live.model.values import quoted
from protobase_live.structures import HANDLES, KINDS, CountedSet, Counter, List, Set, Text

PAGE_RECORDS = 1_000
"""Records that one read of `Collection.keys` or `Collection.items` asks for."""

T = TypeVar("T")
E = TypeVar("E")
Row = dict[str, Any]


class Collection(Structures, Generic[T]):
    """The records and structures of one collection, over any Port.

    The same class serves an embedded database, a connection and a transaction. In a transaction a write
    takes effect at the call, so it need not be awaited. Everywhere else it is durable once awaited.
    ``T`` is the Atom class of the records, or ``dict[str, Any]``.
    """

    def __init__(
        self,
        port: Port,
        name: str,
        atom: type[T] | None = None,
        *,
        loader: Loader | None = None,
        source: Source | None = None,
        ids: Ids = system_ids,
    ) -> None:
        """``source`` gives changes and presence (a transaction has none), ``ids`` keys for `insert`.

        ``loader`` makes Atoms of the records if misfits are to be treated otherwise than left out.
        """
        super().__init__(port, check_collection(name))
        self._loader = loader if loader or atom is None else Loader(name, atom)
        self._atom = self._loader.atom if self._loader else None
        self._source = source
        self._ids = ids

    def __repr__(self) -> str:
        of = f" of {self._atom.__qualname__}" if self._atom else ""
        return f"<Collection {quoted(self._name)}{of}>"

    @property
    def name(self) -> str:
        """The collection's name."""
        return self._name

    # writing

    def insert(
        self,
        record: T | Atom | Mapping[str, Any] | None = None,
        /,
        *,
        key: str | None = None,
        durability: str | None = None,
        **fields: Any,
    ) -> Awaitable[str]:
        """Add a record and return its key, which is random unless given. Raises RecordExists.

        Its fields may be given one by one; one called ``key`` or ``durability`` is given in a mapping:
        ``{"key": ...}``. ``durability`` as in `DatabaseApi.transaction`; in a transaction only that has one.
        """
        with naming(self._name):
            whole = self._whole(record, fields, key)
        chosen = self._ids() if key is None else key
        return then(self._write("insert", chosen, *whole, durability=durability), lambda _: chosen)

    def put(
        self,
        record: T | Atom | Mapping[str, Any] | None = None,
        /,
        *,
        key: str,
        durability: str | None = None,
        **fields: Any,
    ) -> Awaitable[None]:
        """Add a record or replace the one that has this key. What is given is that of `insert`."""
        with naming(self._name):
            whole = self._whole(record, fields, key)
        return self._write("put", key, *whole, durability=durability)

    def update(
        self,
        key: str,
        fields: Mapping[str, Any] | None = None,
        /,
        *,
        durability: str | None = None,
        **more: Any,
    ) -> Awaitable[None]:
        """Set some fields of a record and leave the others. Raises RecordMissing.

        ``durability`` as to `insert`.
        """
        given = _mapping(fields, more)
        if self._atom is None:
            return self._write("update", key, given, {}, durability=durability)
        kinds = {field: kind for field, kind in merges(self._atom).items() if field in given}
        with naming(self._name):
            checked = check_fields(self._atom, given, key)
        return self._write("update", key, checked, kinds, durability=durability)

    def delete(self, key: str, *, durability: str | None = None) -> Awaitable[None]:
        """Remove a record; one that is not there stays so. ``durability`` as to `insert`."""
        return self._write("delete", key, durability=durability)

    # indexes

    def index(self, *fields: str) -> Awaitable[None]:
        """Have queries look up these fields: equal ones, ranges, sorting; dots lead into nested fields.

        Several fields make one index: equal in the first, a range or the order in the next. It is declared,
        durably, for everybody; from then on it is kept by every commit. It is built in slices, without
        stalling anybody, and done on return, except within a transaction. Raises ValidationError.
        """
        declared = self._port.write(self._name, [Op(INDEXES, "set", (index_text(fields), True))])
        return declared if self._source is None else self._build(declared)

    def drop_index(self, *fields: str) -> Awaitable[None]:
        """Keep an index no longer; one that is not there stays so."""
        return self._port.write(self._name, [Op(INDEXES, "delete", (index_text(fields),))])

    async def indexes(self) -> list[tuple[str, ...]]:
        """The fields of the declared indexes."""
        declared = await self._port.read(self._name, Read(INDEXES, "keys"))
        return [fields for text in declared if (fields := parse_index(text))]

    async def declare_indexes(self) -> None:
        """Declare those indexes of the Atom class that are not declared yet, if that is permitted."""
        wanted = self._atom.__indexes__ if self._atom else ()
        with suppress(Forbidden):  # who may not has the same answers, and waits longer for them
            known = await self.indexes() if wanted else []
            for each in wanted:
                fields = (each,) if isinstance(each, str) else tuple(each)
                if fields not in known:
                    await self.index(*fields)

    # reading

    async def get(self, key: str) -> T | None:
        """The record, None when there is none.

        Raises ValidationError where it does not fit its class, unless misfits are given raw.
        """
        row = await self._read("get", key)
        return cast(T, self._loader.one(key, row) if self._loader and row is not None else row)

    async def contains(self, key: str) -> bool:
        """Whether there is a record with this key."""
        return await self._read("contains", key)

    async def count(self) -> int:
        """How many records there are."""
        return await self._read("count")

    async def keys(self) -> list[str]:
        """All keys, sorted. More than PAGE_RECORDS are read in pages, each as of its own moment."""
        return [key async for page in self._pages("keys") for key in page]

    async def items(self) -> dict[str, T]:
        """All records by key, sorted. More than PAGE_RECORDS are read in pages, each as of its own moment.

        Those that do not fit their class are left out, or what ``on_invalid`` of the collection says.
        """
        return {key: found async for page in self._pages("items") for key, found in self._given(page)}

    async def misfits(self) -> dict[str, Misfit]:
        """What is stored among the records and is none of this class, by key, and why not.

        That is also what a Yjs client has put there that is no map of fields, such as a number. All of it can
        be deleted.
        """
        found = [each async for page in self._pages("items") for _, each in self._loaded(page)]
        strays = [Misfit.stray(self._name, *each) async for page in self._pages("strays") for each in page]
        return {each.key: each for each in (*found, *strays) if isinstance(each, Misfit)}

    # merging fields

    @overload
    def field(self, key: str, name: str, kind: type[H]) -> H: ...
    @overload
    def field(self, key: str, name: str, kind: type[int]) -> Counter: ...
    @overload
    def field(self, key: str, name: str, kind: type[str]) -> Text: ...
    @overload
    def field(self, key: str, name: str, kind: type[set[E]]) -> Set[E]: ...
    @overload
    def field(self, key: str, name: str, kind: type[list[E]]) -> List[E]: ...
    @overload
    def field(self, key: str, name: str, kind: type[dict[E, int]]) -> CountedSet[E]: ...
    @overload
    def field(self, key: str, name: str, kind: str | None = None) -> Any: ...
    def field(self, key: str, name: str, kind: type[Any] | str | None = None) -> Any:
        """The handle of a merging field, such as a counter.

        ``kind`` is its name or its handle class; without it the Atom says. Raises ValidationError if
        neither does.
        """
        path = (RECORDS.path[0], known_name(key), known_name(name))
        handle = HANDLES[self._field_kind(key, name, kind)] if kind is None or isinstance(kind, str) else kind
        is_handle = getattr(handle, "kind", None) in HANDLES
        require(is_handle, "field", "a kind such as pb.Counter or 'counter'", handle)
        typed = self._atom if self._atom and merges(self._atom).get(name) == handle.kind else None
        check = partial(self._check_element, typed, name, key) if typed else None
        return handle(self._port, self._name, Target(handle.kind, path), check)

    # listening

    def changes(self, since: str | None = None) -> ChangeStream:
        """The changes after the cursor ``since``, from now on without one: ``async with`` it and iterate."""
        stream = self._listened().changes(self._name, since)
        return AtomChanges(stream, self._loader) if self._loader else stream

    def presence(self, state: Any = None) -> Presence:
        """Who else is in the collection; ``state`` is what the others see of us."""
        return self._listened().presence(self._name, state)

    # inside

    async def _build(self, declared: Awaitable[None]) -> None:
        await declared
        await self._listened().build(self._name)

    def _write(self, action: str, *args: Any, durability: str | None) -> Awaitable[None]:
        with naming(self._name):
            level = None if durability is None else _level(durability)
            checked = KINDS[RECORDS.kind].check(action, args)
        return self._port.write(self._name, [CheckedOp(RECORDS, action, checked)], level)

    def _read(self, method: str, *args: Any) -> Awaitable[Any]:
        with naming(self._name):
            checked = KINDS[RECORDS.kind].check_read(method, args)
        return self._port.read(self._name, Read(RECORDS, method, checked))

    async def _pages(self, method: str) -> AsyncIterator[list[Any]]:
        after: str | None = None
        while page := await self._read(method, after, PAGE_RECORDS):
            yield page
            if len(page) < PAGE_RECORDS:
                return
            after = page[-1] if method == "keys" else page[-1][0]

    def _whole(self, record: Any, fields: Mapping[str, Any], key: str | None) -> tuple[Row, dict[str, str]]:
        """All fields of a record to write, and the kinds of those that merge."""
        if isinstance(record, Atom):
            atom = self._expected(record)
            return {**dump(record, key), **check_fields(atom, fields, key)}, merges(atom)
        given = _mapping(record, fields)
        if self._atom is None:
            if record is None and not fields:
                raise ValidationError("no record is given; an empty one is {}")
            return given, {}
        return complete(self._atom, given, key), merges(self._atom)

    def _expected(self, record: Atom) -> type[Atom]:
        if self._atom and not isinstance(record, self._atom):
            found, wanted = type(record).__qualname__, self._atom.__qualname__
            raise ValidationError(f"the collection holds {wanted} records, not {found}")
        return type(record)

    def _check_element(self, atom: type[Atom], field: str, key: str, value: Any) -> Any:
        with naming(self._name):
            return check_element(atom, field, value, key)

    def _loaded(self, page: list[Any]) -> list[tuple[str, Any]]:
        load = self._loader.load if self._loader else _as_it_is
        return [(key, load(key, row)) for key, row in page]

    def _given(self, page: list[Any]) -> list[tuple[str, Any]]:
        loaded = self._loaded(page)
        return [each for each in loaded if self._loader.keeps(each[1])] if self._loader else loaded

    def _field_kind(self, key: str, name: str, kind: str | None) -> str:
        found = kind or self._known_kind(key, name)
        if found not in HANDLES:
            raise ValidationError(unknown("there is no kind", found, HANDLES))
        return found

    def _known_kind(self, key: str, name: str) -> str:
        """The kind that the class says a field has. Raises ValidationError."""
        where = f"collection {quoted(self._name)}"
        if self._atom is None:
            right = f"open it with one, or say the kind: field({quoted(key)}, {quoted(name)}, pb.Counter)"
            raise ValidationError(f"{where} was opened without a class; {right}")
        known = merges(self._atom)
        if name not in known:
            what = f"{where}: {self._atom.__qualname__} has no merging field"
            raise ValidationError(unknown(what, name, known))
        return known[name]

    def _listened(self) -> Source:
        if self._source is None:
            raise ValidationError(
                "changes and presence are not part of a transaction; use db.collection(...)"
            )
        return self._source


def _level(durability: str) -> Durability:
    try:
        return parse_durability(durability)
    except ValidationError as error:
        raise ValidationError(f"{error}; a field of that name is given in a mapping") from None


def _mapping(record: Any, fields: Mapping[str, Any]) -> Row:
    if record is not None and not isinstance(record, Mapping):
        raise ValidationError(f"a record is an Atom or a mapping of fields, not {type(record).__name__}")
    return {**cast("Mapping[str, Any]", record or {}), **fields}


def _as_it_is(key: str, row: Row) -> Row:
    return row
