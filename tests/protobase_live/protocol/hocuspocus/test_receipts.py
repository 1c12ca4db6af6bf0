from __future__ import annotations

import random

from protobase_live.protocol.hocuspocus.receipts import Receipts


def synced() -> Receipts:
    """Of a client that has asked to sync, and answered."""
    receipts = Receipts()
    receipts.begin_again()
    receipts.question()
    assert receipts.counts_answer()
    return receipts


def test_each_update_is_told_once():
    receipts = synced()
    receipts.add()
    receipts.add()
    assert receipts.begin()
    receipts.add()
    assert not receipts.begin()  # one question is under way
    assert receipts.end() == 2
    assert receipts.begin()
    assert receipts.end() == 1
    assert not receipts.begin()


def test_an_answer_to_what_the_server_asked_by_itself_is_not_counted():
    receipts = synced()
    receipts.question()
    assert not receipts.counts_answer()


def test_of_several_questions_the_one_behind_the_client_s_own_is_counted():
    receipts = synced()
    receipts.question()
    receipts.begin_again()
    receipts.question()
    receipts.question()
    assert [receipts.counts_answer() for _ in range(3)] == [False, True, False]


def test_a_client_that_asks_twice_counts_one_answer():
    receipts = synced()
    for _ in range(2):
        receipts.begin_again()
        receipts.question()
    assert [receipts.counts_answer() for _ in range(2)] == [False, True]


def test_a_client_that_asks_to_sync_has_forgotten_what_it_counted():
    receipts = synced()
    receipts.add()
    assert receipts.begin()
    receipts.add()
    receipts.begin_again()
    assert receipts.end() == 0
    assert not receipts.begin()


def test_a_step_2_that_nobody_asked_for_is_counted():
    assert Receipts().counts_answer()


def test_a_client_s_count_comes_to_nothing():
    """Against a client that counts as stock providers do, in any order of events, nothing in flight when it
    asks to sync."""
    rng = random.Random(3)
    for _ in range(300):
        receipts, count, asked = Receipts(), 0, 0
        for event in rng.choices(["update", "sync", "gap", "answer", "flush"], k=40):
            if event == "update":
                count += 1
                receipts.add()
            elif event == "sync":
                count = 1
                receipts.begin_again()
                receipts.question()
                asked += 1
            elif event == "gap":
                receipts.question()
                asked += 1
            elif event == "answer" and asked:
                asked -= 1
                if receipts.counts_answer():
                    receipts.add()
            elif receipts.begin():
                count -= receipts.end()
                assert count >= 0
        while asked:
            asked -= 1
            if receipts.counts_answer():
                receipts.add()
        if receipts.begin():
            count -= receipts.end()
        assert count == 0
