"""Policies in files: TOML, or a Python module that has a ``policy``.

::

    [[rule]]
    collections = ["boards/*", "tasks"]
    who = { team = "red" }
    actions = ["read", "write"]
    where = "owner = identity.sub"
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

from protobase_live.errors import ValidationError
from protobase_live.model import values
from protobase_live.permissions.policy import Policy
from protobase_live.permissions.rule import Rule

_FIELDS = ("collections", *list(inspect.signature(Rule).parameters)[1:])
"""What a rule of a file may say: the parameters of `Rule`, the first of which is called ``collections``."""


def read_policy(path: str) -> Policy:
    """The policy of a file. Raises ValidationError, which says what is wrong and where."""
    return _of_module(path) if Path(path).suffix == ".py" else _of_toml(path)


def _of_toml(path: str) -> Policy:
    import tomllib  # with the first file

    try:
        with open(path, "rb") as file:
            found = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValidationError(f"--policy {path}: {error}") from error
    _check_names(found, ("rule",), path)
    rules: Any = found.get("rule", [])
    if not isinstance(rules, list) or not rules:
        raise ValidationError(f"--policy {path}: there is no rule in it; write [[rule]], collections = ...")
    each = enumerate(cast("list[Any]", rules), 1)
    return Policy(rule for number, given in each for rule in _rules(given, f"{path}: rule {number}"))


def _rules(given: Any, where: str) -> Iterable[Rule]:
    """A rule for each pattern."""
    if not isinstance(given, dict):
        raise ValidationError(f"--policy {where} is {values.short(given)}; write [[rule]]")
    said = cast("dict[str, Any]", given)
    _check_names(said, _FIELDS, where)
    for missing in ("collections", "actions"):
        if missing not in said:
            raise ValidationError(f"--policy {where} does not say {missing}")
    patterns = said["collections"]
    limits = {name: value for name, value in said.items() if name != "collections"}
    for pattern in cast("list[Any]", patterns) if isinstance(patterns, list) else [patterns]:
        try:
            yield Rule(pattern, **limits)
        except ValidationError as error:
            raise ValidationError(f"--policy {where}, of {values.short(pattern)}: {error}") from None


def _check_names(given: dict[str, Any], known: Sequence[str], where: str) -> None:
    for name in given:
        if name not in known:
            close = get_close_matches(name, known, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
            raise ValidationError(f"--policy {where}: there is no {name!r}; {hint}")


def _of_module(path: str) -> Policy:
    import runpy  # with the first file

    try:
        found = runpy.run_path(path).get("policy")
    except (Exception, SystemExit) as error:
        raise ValidationError(f"--policy {path}: {type(error).__name__}: {error}") from error
    if not isinstance(found, Policy):
        raise ValidationError(f"--policy {path} has no policy; write policy = pb.Policy([pb.Rule(...)])")
    return found
