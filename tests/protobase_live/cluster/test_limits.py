"""What the defaults of the limits come to together."""

from protobase_live.cluster.limits import ClusterLimits

AGREE_SECONDS = 2.0
"""Within which nodes are to agree once the network works again."""


def test_a_node_whose_answer_was_lost_is_dialed_again_in_time():
    limits = ClusterLimits()
    assert max(limits.meeting_seconds, limits.redial_seconds_most) <= AGREE_SECONDS / 2
    assert limits.dead_seconds + limits.redial_seconds < AGREE_SECONDS
