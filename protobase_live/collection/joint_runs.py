"""Commits of other nodes that are carried out in one go: all of the collections that transactions connect."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence

from protobase_storage import Commit, Joint, Vector, covers, follows, include


def connected(commits: Mapping[str, Sequence[Commit]]) -> Iterator[list[str]]:
    """The collections that transactions connect, those together that are connected through others, too."""
    # Dictionaries, and no sets: the order is the same in every run.
    joints = {
        name: list(dict.fromkeys(each.joint for each in of_one if each.joint))
        for name, of_one in commits.items()
    }
    of_joint = _by_joint(joints)
    seen = set[str]()
    for name in commits:
        group, ahead = list[str](), [name]
        while ahead:
            if (each := ahead.pop()) not in seen:
                seen.add(each)
                group.append(each)
                ahead += [other for joint in joints[each] for other in of_joint.pop(joint, ())]
        if len(group) > 1:
            yield group


def in_pieces(commits: Mapping[str, Sequence[Commit]], most: int) -> Iterator[dict[str, list[Commit]]]:
    """Commits of several collections in pieces of at most ``most`` collections, one behind the other.

    No transaction is in two of them. One over more collections is left out, with all behind it.
    """
    lines = {name: _portions(each) for name, each in commits.items()}
    joints = {name: dict.fromkeys(joint for joint, _ in line) for name, line in lines.items()}
    if any(len(joints[name]) < len(line) for name, line in lines.items()):
        return  # what comes twice in one collection is no transaction
    of_joint = _by_joint(joints)
    while piece := _next_piece(lines, of_joint, most):
        yield piece


Line = deque[tuple[Joint, list[Commit]]]
"""The commits of a collection in portions: a transaction each, with what is alone in front of the first one
and behind each."""


def _portions(commits: Sequence[Commit]) -> Line:
    line, in_front = Line(), list[Commit]()
    for commit in commits:
        if commit.joint is not None and not (line and line[-1][0] == commit.joint):
            line.append((commit.joint, [] if line else in_front))
        (line[-1][1] if line else in_front).append(commit)
    return line


def _next_piece(
    lines: Mapping[str, Line], of_joint: Mapping[Joint, Sequence[str]], most: int
) -> dict[str, list[Commit]]:
    """Take transactions that come next in the lines of all their collections, as long as they fit."""
    piece = dict[str, list[Commit]]()
    ahead = deque(lines)
    while ahead:
        line = lines[ahead.popleft()]
        names = of_joint[line[0][0]] if line else ()
        if not names or len(piece) + sum(name not in piece for name in names) > most:
            continue
        if all(lines[name] and lines[name][0][0] == line[0][0] for name in names):
            for name in names:
                piece.setdefault(name, []).extend(lines[name].popleft()[1])
            ahead += names
    return piece


def _by_joint(joints: Mapping[str, Iterable[Joint]]) -> dict[Joint, list[str]]:
    of_joint: dict[Joint, list[str]] = {}
    for name, found in joints.items():
        for joint in found:
            of_joint.setdefault(joint, []).append(name)
    return of_joint


def run_of(commits: Sequence[Commit], vector: Vector) -> list[Commit] | None:
    """The commits that ``vector`` does not cover, if each follows what is before it; None if one does not."""
    reached, run = dict(vector), list[Commit]()
    for commit in commits:
        if follows(reached, commit):
            run.append(commit)
            include(reached, commit)
        elif not covers(reached, commit):
            return None
    return run
