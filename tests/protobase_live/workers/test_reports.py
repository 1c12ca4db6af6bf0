"""What is kept of deaths."""

from pathlib import Path

from protobase_live.workers.flight_record import Doing, Sent
from protobase_live.workers.reports import Reports


def died_of(update: bytes, digest: str) -> Doing:
    return Doing("turn", "tasks", [Sent("ann", "::1", [update], [digest])])


def test_reports_are_kept_with_the_bytes_and_read_at_the_next_start(tmp_path: Path) -> None:
    reports = Reports(tmp_path / "q", most=10, most_bytes=10_000)
    assert list(reports.refused()) == []
    reports.write("1", died_of(b"one", "d1"), {"verdict": "refused"})
    reports.write("2", died_of(b"two", "d2"), {"verdict": "suspect"})
    reports.write("3", Doing("turn", "tasks", [Sent(None, None, None, ["d3"])]), {"verdict": "refused"})
    assert (tmp_path / "q" / "1.d1.update").read_bytes() == b"one"
    (tmp_path / "q" / "4.json").write_text("{edited")
    assert list(reports.refused()) == ["d1", "d3"]


def test_the_oldest_are_deleted_by_number_and_by_bytes(tmp_path: Path) -> None:
    few = Reports(tmp_path / "few", most=2, most_bytes=10_000)
    small = Reports(tmp_path / "small", most=10, most_bytes=1_500)
    for number in "123":
        for reports in (few, small):
            reports.write(number, died_of(b"x" * 800, number), {"verdict": "refused"})
    assert list(few.refused()) == ["2", "3"]
    assert list(small.refused()) == ["3"]
    assert sorted(each.name for each in (tmp_path / "small").iterdir()) == ["3.3.update", "3.json"]
