from pathlib import Path

import pytest

import protobase_live as pb
from protobase_live import Identity
from protobase_live.permissions.policy_file import read_policy

TOML = """
[[rule]]
collections = ["boards/*", "tasks"]
who = { team = "red" }
actions = ["read", "write"]
where = "owner = identity.sub"

[[rule]]
collections = "tasks"
actions = "presence"
"""
PYTHON = """
import protobase_live as pb
from protobase_live import F

policy = pb.Policy([pb.Rule("tasks", actions="read", where=F.owner == pb.identity.sub)])
"""


def test_a_policy_in_toml(tmp_path: Path):
    (tmp_path / "policy.toml").write_text(TOML)
    policy = read_policy(str(tmp_path / "policy.toml"))
    assert [rule.pattern for rule in policy.rules] == ["boards/*", "tasks", "tasks"]
    grant = policy.grant(Identity("ann", claims={"team": "red"}), "tasks")
    assert [str(scope.rows) for scope in grant.reads] == ["(owner == 'ann')"]
    assert grant.allows("write")
    assert grant.allows("presence")
    assert not policy.grant(Identity("bob"), "boards/1").allows("read")


def test_a_policy_in_python(tmp_path: Path):
    (tmp_path / "policy.py").write_text(PYTHON)
    policy = read_policy(str(tmp_path / "policy.py"))
    [scope] = policy.grant(Identity("ann"), "tasks").reads
    assert str(scope.rows) == "(owner == 'ann')"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("p.toml", "[[rule]\n", r"p.toml: .*\(at line 1"),
        ("p.toml", "", "there is no rule in it; write"),
        ("p.toml", "rule = 7", "there is no rule in it"),
        ("p.toml", "[[rules]]\n", "there is no 'rules'; did you mean 'rule'?"),
        ("p.toml", "rule = [7]", "rule 1 is 7"),
        ("p.toml", "[[rule]]\ncollections = 'a'", "rule 1 does not say actions"),
        ("p.toml", "[[rule]]\nactions = 'read'", "rule 1 does not say collections"),
        (
            "p.toml",
            "[[rule]]\ncollections = 'a'\nactions = 'read'\n[[rule]]\ncolections = 'b'",
            "rule 2: there is no 'colections'; did you mean 'collections'?",
        ),
        (
            "p.toml",
            "[[rule]]\ncollections = 'boards/*'\nactions = 'reed'",
            "rule 1, of 'boards/.*: actions has 'reed' .*expected of read, write",
        ),
        (
            "p.toml",
            "[[rule]]\ncollections = 'a'\nactions = 'read'\nwhere = 'owner ='",
            "rule 1, of 'a'.*: where: ",
        ),
        ("p.py", "1 / 0", "p.py: ZeroDivisionError: division by zero"),
        ("p.py", "raise SystemExit(0)", "p.py: SystemExit: 0"),
        ("p.py", "rules = []", r"p.py has no policy; write policy = pb.Policy"),
        ("p.py", "import protobase_live as pb\npb.Rule('a', actions='reed')", "actions has 'reed'"),
    ],
)
def test_what_is_wrong_in_a_file_is_told(tmp_path: Path, name: str, text: str, message: str):
    (tmp_path / name).write_text(text)
    with pytest.raises(pb.ValidationError, match=message):
        read_policy(str(tmp_path / name))


def test_a_file_that_is_not_there(tmp_path: Path):
    for name in ("p.toml", "p.py"):
        with pytest.raises(pb.ValidationError, match="No such file"):
            read_policy(str(tmp_path / name))
