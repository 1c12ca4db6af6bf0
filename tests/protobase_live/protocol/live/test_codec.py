"""What cannot be sent is told by the name of its field, and not quoted: a message may hold a secret."""

import pytest

from protobase_live.errors import ValidationError
from protobase_live.protocol.live.codec import CODECS


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_what_cannot_be_sent_names_its_field_and_quotes_nothing(codec):
    message = {"type": "hello", "token": "s3cret", "client": "mine \ud800"}
    with pytest.raises(ValidationError) as caught:
        codec.encode(message)
    said = "'client' of the message 'hello' cannot be sent: 'utf-8' codec can't encode character '\\ud800' in"
    assert str(caught.value).startswith(said)
    assert "s3cret" not in str(caught.value)
    assert "mine" not in str(caught.value)


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_what_is_no_value_says_so_itself(codec):
    with pytest.raises(ValidationError, match="a value is nan; expected a finite float"):
        codec.encode({"type": "set", "state": float("nan")})
