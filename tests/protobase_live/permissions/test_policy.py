import logging
from typing import Any

import pytest

import protobase_live as pb
from protobase_live import Identity, Policy, Rule
from protobase_live.permissions.grant import ACTIONS

ANN, BOB = Identity("ann"), Identity("bob")


def allowed(policy: Policy, identity: Identity, collection: str) -> list[str]:
    grant = policy.grant(identity, collection)
    return [action for action in ACTIONS if grant.allows(action)]


def test_what_a_rule_names_is_denied_to_who_no_rule_lets_in():
    policy = Policy([Rule("boards/*", {"sub": "ann"}, "read")])
    assert allowed(policy, ANN, "boards/1") == ["read"]
    assert allowed(policy, BOB, "boards/1") == []
    assert allowed(policy, BOB, "tasks") == [*ACTIONS]
    assert policy.grant(BOB, "tasks").is_whole("read")


def test_what_is_the_servers_own_is_denied_unless_a_rule_names_it():
    assert allowed(Policy([Rule("tasks")]), ANN, "protobase:requests/1") == []
    assert allowed(Policy([Rule("*", actions="admin")]), ANN, "protobase:requests/1") == ["admin"]


def test_rules_add_up():
    policy = Policy(
        [Rule("*", None, "read"), Rule("b*", {"sub": "ann"}, "write"), Rule("bo", None, "presence")]
    )
    assert allowed(policy, ANN, "bo") == ["read", "write", "presence"]
    assert allowed(policy, BOB, "bo") == ["read", "presence"]
    assert allowed(policy, BOB, "c") == ["read"]


def test_scopes_stay_apart():
    """All titles, and all of one's own rows, are not all of all rows."""
    policy = Policy([Rule("t", fields=["title"]), Rule("t", where="owner = identity.sub")])
    scopes = policy.grant(ANN, "t").reads
    assert [(scope.fields, str(scope.rows)) for scope in scopes] == [
        (frozenset({"title"}), "None"),
        (None, "(owner == 'ann')"),
    ]
    assert not policy.grant(ANN, "t").is_whole("read")


def test_a_rule_that_raises_allows_nothing_and_is_told_once(caplog: pytest.LogCaptureFixture):
    def who(identity: Any) -> bool:
        if identity.author == "bob":
            raise RuntimeError("a secret")
        return True

    policy = Policy([Rule("tasks", who, "read"), Rule("tasks", None, "presence")])
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            assert allowed(policy, BOB, "tasks") == ["presence"]
        assert allowed(policy, ANN, "tasks") == ["read", "presence"]
    assert policy.failures == 2
    [record] = caplog.records
    assert record.getMessage() == "rule 1, of 'tasks', failed and allows nothing: RuntimeError"
    assert record.exc_info is None


def test_an_answer_that_is_none_allows_nothing():
    policy = Policy([Rule("tasks", lambda identity: "yes"), Rule("tasks", lambda identity: [1])])  # type: ignore
    assert allowed(policy, ANN, "tasks") == []
    assert policy.failures == 2


def test_a_claim_that_is_no_value_allows_nothing():
    policy = Policy([Rule("tasks", where="owner = identity.team")])
    assert allowed(policy, Identity("ann", claims={"team": object()}), "tasks") == []
    assert policy.failures == 1


def test_rules_are_replaced():
    policy = Policy([Rule("tasks", {"sub": "ann"})])
    policy.rules = [Rule("tasks", {"sub": "bob"})]
    assert allowed(policy, ANN, "tasks") == []
    assert allowed(policy, BOB, "tasks") == ["read"]


@pytest.mark.parametrize("wrong", [["tasks"], [{"collections": "tasks"}]])
def test_what_is_no_rule_is_told(wrong: Any):
    with pytest.raises(pb.ValidationError, match="a policy has rules such as"):
        Policy(wrong)


def test_a_grant_without_actions():
    grant = Policy().grant(ANN, "tasks").without("write", "admin")
    assert [action for action in ACTIONS if grant.allows(action)] == ["read", "presence"]


def test_the_server_itself_is_for_who_administers_everything():
    policy = Policy([Rule("*", {"sub": "ann"}, "admin"), Rule("tasks")])
    assert allowed(policy, ANN, "") == ["admin"]
    assert allowed(policy, BOB, "") == []
    assert allowed(Policy([Rule("tasks", None, "admin")]), ANN, "") == []
    assert allowed(Policy(), ANN, "") == [*ACTIONS]
