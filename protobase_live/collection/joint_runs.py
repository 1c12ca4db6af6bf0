"""Commits of other nodes that are carried out in one go: all of the collections that transactions connect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from protobase_storage import Commit, Joint, Vector, covers, follows, include


def connected(commits: Mapping[str, Sequence[Commit]]) -> Iterator[list[str]]:
    """The collections that transactions connect, those together that are connected through others, too."""
    # Dictionaries, and no sets: the order is the same in every run.
    joints = {
        name: list(dict.fromkeys(each.joint for each in of_one if each.joint))
        for name, of_one in commits.items()
    }
    of_joint: dict[Joint, list[str]] = {}
    for name, found in joints.items():
        for joint in found:
            of_joint.setdefault(joint, []).append(name)
    seen = set[str]()
    for name in commits:
        group, ahead = list[str](), [name]
        while ahead:
            if (each := ahead.pop()) not in seen:
                seen.add(each)
                group.append(each)
                ahead += [other for joint in joints[each] for other in of_joint[joint]]
        if len(group) > 1:
            yield group


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
