"""What belongs together of what is told: the parts of transactions over several collections."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from itertools import takewhile

from ..commit import Commit, Joint
from ..shared import News


def share(commits: Iterable[Commit], names: Set[str]) -> bool:
    """Whether a transaction that one of them is part of has others in these collections."""
    return any(commit.joint and not names.isdisjoint(commit.joint.collections) for commit in commits)


def parted(found: Mapping[str, News], incomplete: Set[str]) -> tuple[dict[str, News], dict[str, News]]:
    """What comes before these transactions, of which parts have not been read yet, and the rest; what shares
    a transaction with that belongs to it, too. Whatever is to be loaded anew is told at once."""
    while True:
        whole = {name: replace(each, commits=_before(each, incomplete)) for name, each in found.items()}
        rest = {
            name: News(each.commits[len(whole[name].commits) :])
            for name, each in found.items()
            if len(whole[name].commits) < len(each.commits)
        }
        waiting = {commit.joint.id for each in rest.values() for commit in each.commits if commit.joint}
        if waiting <= incomplete:
            return whole, rest
        incomplete = incomplete | waiting


def together(commits: Sequence[Commit], found: Mapping[str, News]) -> tuple[Commit, ...]:
    """The commits, each said to be joint with those parts that are told with it."""
    told = {
        (commit.joint.id, name): commit
        for name, each in found.items()
        for commit in each.commits
        if commit.joint
    }
    return tuple(_of_those(commit, told) for commit in commits)


def _before(news: News, transactions: Set[str]) -> tuple[Commit, ...]:
    """The commits before the first that is part of one of these; all of what is to be loaded anew."""
    if news.replaced:
        return news.commits
    return tuple(takewhile(lambda each: not (each.joint and each.joint.id in transactions), news.commits))


def _of_those(commit: Commit, told: Mapping[tuple[str, str], Commit]) -> Commit:
    joint = commit.joint
    if joint is None:
        return commit
    present = tuple(name for name in joint.collections if (joint.id, name) in told)
    return replace(commit, joint=Joint(joint.id, present) if len(present) > 1 else None)
