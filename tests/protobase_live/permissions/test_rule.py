from typing import Any

import pytest

import protobase_live as pb
from protobase_live import F, Identity, Rule

ANN = Identity(
    "ann", claims={"team": "red", "roles": ["editor"], "org": {"id": 7}, "level": 1, "sub": "other"}
)
NOBODY = Identity()


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (None, True),
        ({}, True),
        ({"team": "red"}, True),
        ({"team": "blue"}, False),
        ({"team": "red", "level": 2}, False),
        ({"sub": "ann"}, True),
        ({"sub": "other"}, False),
        ({"roles": "editor"}, True),
        ({"roles": ["editor"]}, True),
        ({"roles": "admin"}, False),
        ({"team": "r"}, False),
        ({"level": True}, False),
        ({"missing": "x"}, False),
        (lambda identity: identity.claims["team"] == "red", True),
        (lambda identity: None, False),
    ],
)
def test_whom_a_rule_is_about(who: Any, expected: bool):
    assert Rule("tasks", who).grant(ANN).allows("read") is expected


def test_a_rule_for_everybody_is_for_who_is_nobody_in_particular_too():
    assert Rule("tasks").grant(NOBODY).allows("read")
    assert not Rule("tasks", {"sub": "ann"}).grant(NOBODY).allows("read")


def test_only_the_actions_of_a_rule_are_allowed():
    for action in ("read", "write", "presence", "admin"):
        grant = Rule("tasks", actions=[action]).grant(ANN)
        assert [each for each in ("read", "write", "presence", "admin") if grant.allows(each)] == [action]
        assert grant.is_whole(action)
    assert Rule("tasks", actions="read write").actions == {"read", "write"}


def test_conditions_know_the_claims():
    rule = Rule("tasks", where=(F.owner == pb.identity.sub) & (F.org == pb.identity.org.id))
    [scope] = rule.grant(ANN).reads
    assert str(scope.rows) == "((owner == 'ann') and (org == 7))"
    assert not rule.grant(ANN).is_whole("read")


def test_conditions_are_text_of_the_query_language_too():
    [scope] = Rule("tasks", where="owner = identity.sub or public").grant(ANN).reads
    assert str(scope.rows) == "((owner == 'ann') or public)"


def test_a_rule_about_a_claim_that_is_missing_is_not_about_that_identity():
    """None would equal what is missing of a row."""
    assert not Rule("tasks", where=F.owner == pb.identity.sub).grant(NOBODY).reads
    assert not Rule("tasks", actions="write", where_new="owner != identity.nothing.there").grant(ANN).writes


def test_rows_that_may_be_written_are_those_that_may_be_read_unless_it_is_said():
    [scope] = Rule("tasks", actions="write", where="a = 1").grant(ANN).writes
    assert (str(scope.old), str(scope.new)) == ("(a == 1)", "(a == 1)")
    [scope] = Rule("tasks", actions="write", where="a = 1", where_new="b = 2").grant(ANN).writes
    assert (str(scope.old), str(scope.new)) == ("(a == 1)", "(b == 2)")
    grant = Rule("tasks", actions="read write", where_old="a = 1").grant(ANN)
    assert grant.is_whole("read")
    assert not grant.is_whole("write")


@pytest.mark.parametrize(
    ("limits", "records", "structures"),
    [
        ({}, True, None),
        ({"fields": ["title"]}, True, set()),
        ({"where": "done"}, True, set()),
        ({"structures": ["notes"]}, False, {"notes"}),
        ({"structures": ["notes", "records"]}, True, {"notes"}),
        ({"structures": ["notes"], "fields": ["title"]}, True, {"notes"}),
        ({"structures": []}, False, set()),
    ],
)
def test_a_limited_rule_allows_only_what_it_names(limits: Any, records: bool, structures: set[str] | None):
    grant = Rule("tasks", actions="read write", **limits).grant(ANN)
    for scope in (*grant.reads, *grant.writes):
        assert (scope.records, scope.structures) == (records, structures)
        assert scope.fields == (frozenset(limits["fields"]) if "fields" in limits else None)
    assert grant.is_whole("read") is grant.is_whole("write") is (not limits)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"actions": ["raed"]}, "actions has 'raed' .str.; expected of read, write, presence, admin"),
        ({"actions": []}, "actions is empty"),
        ({"actions": 7}, "actions is 7 .int.; expected a list of names"),
        ({"who": "ann"}, "who is 'ann' .str.; expected claims such as"),
        ({"who": {"team": None}}, "who is .* expected claims"),
        ({"where": "owner ="}, "where: .*expected a field or value"),
        ({"where": "a = 1 limit 5"}, "where: .*expected an operator or the end"),
        ({"where": 7}, "where: 7 .int. is no condition"),
        ({"where_new": "owner = :me"}, "where_new: nobody gives the parameter :me a value"),
        ({"where": "owner = identity"}, "where: identity alone is no value: name a claim"),
        ({"fields": "title"}, "fields is 'title' .str.; expected a list of names"),
        ({"fields": [7]}, "fields has 7 .int.; expected names"),
        ({"structures": ["protobase:x"]}, "reserved"),
        ({"structures": ["records"], "fields": ["title"]}, "leave out one of them"),
        ({"actions": "presence", "where": "done"}, "limit reading and writing"),
    ],
)
def test_what_is_wrong_in_a_rule_is_told(given: Any, message: str):
    with pytest.raises(pb.ValidationError, match=message):
        Rule("tasks", **given)
