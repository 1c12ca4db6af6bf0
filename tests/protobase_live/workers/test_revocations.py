"""Who was revoked, for workers that start later."""

from protobase_live.workers.revocations import Revocations


def test_what_is_taken_back_is_forgotten() -> None:
    revocations = Revocations()
    for author, collection in [("ann", None), ("ann", "a"), ("ann", "b"), ("bob", "a")]:
        revocations.note(author, collection, False)
    revocations.note("ann", "a", True)
    assert revocations.told() == [("ann", None), ("ann", "b"), ("bob", "a")]
    revocations.note("ann", None, True)
    assert revocations.told() == [("bob", "a")]
