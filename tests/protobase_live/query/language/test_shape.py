"""Names of fields that cannot exist are told, with the one that could be meant."""

from __future__ import annotations

from typing import Any

import pytest

from protobase_live.errors import ValidationError
from protobase_live.model.atoms import Atom
from protobase_live.query.ast.aggregates import count, sum
from protobase_live.query.ast.expressions import F
from protobase_live.query.language.query import Query
from protobase_live.query.language.shape import check_names
from protobase_live.structures import CountedSet, Counter, Set, Text


class Task(Atom):
    title: str
    owner: str | None = None
    data: dict[str, Any] = {}  # noqa: RUF012
    either: str | dict[str, int] = ""
    free: Any = None
    votes: Counter
    tags: Set[str]
    seen: CountedSet[str]
    body: Text


class User(Atom):
    name: str
    team: str = ""


ATOMS: dict[str, type[Atom]] = {"tasks": Task, "users": User}
TASKS, USERS, OPEN = Query("tasks"), Query("users"), Query("notes")
JOINED = TASKS.join("users", on={"owner": "name"}, as_="user", how="left")

GOOD = [
    TASKS.where(F._key == "a", F.title == "b").order_by("-owner").limit(1).distinct(),
    TASKS.where(F.data.anything.at.all == 1, F.either.x == 1, F.free.y == 2, F.seen.ann > 1),
    JOINED.where(F.user.team == "red", F.user._key == "u")
    .select("title", t=F.user.team, u=F.user)
    .where(F.u.team == "red", F.t == "x"),
    OPEN.where(F.anything == 1).join(OPEN, on="x").where(F.notes.y == 1),
    OPEN.group_by("owner", "a.b", n=count()).where(F.b == 1).order_by("-n", "owner"),
    TASKS.count().where(F.count > 1),
    TASKS.union(USERS).where(F.name == "x", F.title == "y"),
    TASKS.union(OPEN).where(F.anything == 1),
    JOINED.union(OPEN).where(F.user.anything == 1),
    TASKS.unnest("tags", "tag").where(F.tag == "x", F.title == "y"),
    TASKS.unnest("tags").where(F.tags.x == 1),
    TASKS.traverse("owner", 2).where(F._depth > 1, F.title == "x"),
    TASKS.select(x=F.data).where(F.x.y == 1),
    TASKS.select("title").order_by("owner"),
]


@pytest.mark.parametrize("query", GOOD, ids=str)
def test_what_can_be_is_fine(query: Query) -> None:
    check_names(query, ATOMS)


WRONG = [
    (TASKS.where(F.titel == 1), "where: Task has no field 'titel'; did you mean 'title'?"),
    (TASKS.where(~((F.a == 1) | (F.titel == 1))), "where: Task has no field"),
    (TASKS.where(F.key == 1), "did you mean '_key'?"),
    (TASKS.where(F.title.x == 1), r"where: Task.title \(str\) has no field 'x'"),
    (TASKS.where(F.body.x == 1), r"Task.body \(str\) has no field"),
    (TASKS.where(F.votes.x == 1), "Task.votes"),
    (TASKS.where(F._key.x == 1), "Task._key"),
    (TASKS.order_by("-onwer"), "order_by: Task has no field 'onwer'; did you mean 'owner'?"),
    (TASKS.select("title", x=F.titl + 1), "select: Task has no field 'titl'"),
    (TASKS.select("title").where(F.owner == 1), "where: the selection has no field 'owner'; there are title"),
    (TASKS.select("title").union(OPEN.select("a")).where(F.b == 1), "the selection has no field 'b'"),
    (TASKS.group_by("ownr", n=count()), "group_by: Task has no field 'ownr'"),
    (TASKS.group_by("owner", n=sum("vots")), "group_by n: Task has no field 'vots'; did you mean 'votes'?"),
    (OPEN.group_by("owner", num=count()).order_by("-nun"), "order_by: a group has no field 'nun'; did you"),
    (OPEN.group_by("owner", n=count()).having(F._key == 1), "where: a group has no field '_key'"),
    (TASKS.count().order_by("n"), "the count has no field 'n'; there are count"),
    (TASKS.join("users", on={"onwer": "name"}), "join users: Task has no field 'onwer'"),
    (TASKS.join("users", on={"owner": "nam"}), "join users: User has no field 'nam'; did you mean 'name'?"),
    (OPEN.join("users", on={"x": "name"}).where(F.users.tem == 1), "User has no field 'tem'"),
    (JOINED.where(F.usr.team == 1), "Task has no field 'usr'; did you mean 'user'?"),
    (TASKS.join(USERS.where(F.nme == 1), on={"owner": "name"}), "where: User has no field 'nme'"),
    (TASKS.union(USERS).where(F.nam == 1), "Task or User has no field 'nam'; did you mean 'name'?"),
    (TASKS.union(USERS.where(F.nme == 1)), "User has no field 'nme'"),
    (TASKS.unnest("tag"), "unnest: Task has no field 'tag'; did you mean 'tags'?"),
    (TASKS.traverse("onwer", 1), "traverse: Task has no field 'onwer'"),
    (TASKS.where(F._depth == 1), "Task has no field '_depth'"),
]


@pytest.mark.parametrize(("query", "message"), WRONG, ids=str)
def test_what_cannot_be_is_told(query: Query, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        check_names(query, ATOMS)


def test_the_class_of_a_query_comes_first() -> None:
    check_names(Query("tasks", User).where(F.name == 1), ATOMS)
    with pytest.raises(ValidationError, match="User has no field 'title'"):
        check_names(Query("tasks", User).where(F.title == 1), ATOMS)
    with pytest.raises(ValidationError, match="User has no field"):
        check_names(OPEN.join(Query("any", User), on={"a": "nme"}), {})
