"""The secret of a cluster is read from a file, and is in no message."""

import logging

import pytest

import protobase_live as pb
from protobase_live.cli.cluster_secret import MOST_BYTES, read_secret

SECRET = b"a secret of sixteen bytes or more"


@pytest.fixture
def file(tmp_path):
    def write(content, mode=0o600):
        path = tmp_path / "secret"
        path.write_bytes(content)
        path.chmod(mode)
        return str(path)

    return write


def test_white_space_around_it_does_not_count(file, caplog):
    assert read_secret(file(b"\n" + SECRET + b"\r\n")) == SECRET
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"too short\n", "at least 16 bytes, not 9; make one with: openssl rand"),
        (b"x" * (MOST_BYTES + 1), f"more than {MOST_BYTES} bytes are no secret"),
    ],
)
def test_what_is_no_secret(file, content, said):
    path = file(content)
    with pytest.raises(pb.ValidationError, match=said) as raised:
        read_secret(path)
    assert repr(path) in str(raised.value)
    assert content.decode().strip() not in str(raised.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(pb.ValidationError, match="No such file"):
        read_secret(str(tmp_path / "secret"))


def test_a_folder(tmp_path):
    with pytest.raises(pb.ValidationError, match="directory"):
        read_secret(str(tmp_path))


def test_a_file_that_all_may_read_is_warned_of(file, caplog):
    with caplog.at_level(logging.WARNING):
        assert read_secret(file(SECRET, 0o644)) == SECRET
    assert "chmod 600" in caplog.text
    assert SECRET.decode() not in caplog.text
