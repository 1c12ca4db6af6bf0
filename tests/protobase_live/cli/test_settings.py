"""Every limit can be set from an option, the environment and a file, by one name."""

from dataclasses import fields
from pathlib import Path

import pytest

from protobase_live.cli.settings import SECTIONS, Options, Settings, misnamed, settings
from protobase_live.collection.limits import Limits
from protobase_live.errors import ValidationError


@pytest.fixture
def config(tmp_path):
    def write(text):
        path = tmp_path / "server.toml"
        path.write_text(text)
        return str(path)

    return write


def test_nothing_given_is_the_defaults():
    assert settings({}, {}) == Settings()


@pytest.mark.parametrize(
    ("section", "limit"), [(name, each) for name, kind in SECTIONS.items() for each in fields(kind)]
)
def test_every_limit_can_be_set_in_every_way(section, limit, config):
    full, value = f"{section}.{limit.name}", 7.0 if isinstance(limit.default, float) else 7
    variable = f"PROTOBASE_{section}_{limit.name}".upper()
    text = f"[{section}]\n{limit.name} = {value}\n"
    by_option, by_variable = {"limit": [f"{full}={value}"]}, {variable: str(value)}
    for given in ((by_option, {}), ({}, by_variable), ({"config": config(text)}, {})):
        found = settings(*given)
        assert getattr(getattr(found, section), limit.name) == value


def test_options_go_before_the_environment_and_that_before_the_file(config):
    file = config('storage = "file:a"\nlisten = "a:1"\nlog_level = "debug"\n[limits]\ndocument_bytes = 1\n')
    environment = {
        "PROTOBASE_CONFIG": file,
        "PROTOBASE_STORAGE": "file:b",
        "PROTOBASE_LISTEN": "b:1",
        "PROTOBASE_DOCUMENT_BYTES": "2MiB",
        "PROTOBASE_ORIGINS": "https://a.example https://b.example",
        "PROTOBASE_SERVICE_HOST": "what an orchestrator puts here",
    }
    found = settings({"storage": "file:c"}, environment)
    assert (found.storage, found.listen, found.log_level) == ("file:c", "b:1", "debug")
    assert found.origins == ("https://a.example", "https://b.example")
    assert found.limits == Limits(document_bytes=2 * 1024 * 1024)


def test_a_variable_may_be_named_as_the_option():
    found = settings({}, {"PROTOBASE_PEER": "ws://a:1 ws://b:2", "PROTOBASE_OWNER": "a*"})
    assert (found.peers, found.owners) == (("ws://a:1", "ws://b:2"), ("a*",))
    both = {"PROTOBASE_ORIGIN": "https://a", "PROTOBASE_ORIGINS": "https://b"}
    assert settings({}, both).origins == ("https://b",)


def test_variables_that_were_meant_as_settings():
    said = {
        "PROTOBASE_POLCY": "did you mean PROTOBASE_POLICY?",
        "PROTOBASE_INSPECTER": "did you mean PROTOBASE_INSPECTOR?",
        "PROTOBASE_COMMIT_BYTE": "did you mean PROTOBASE_COMMIT_BYTES?",
    }
    others = ["TOKEN", "CONFIG", "SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_8765_TCP"]
    others += [
        "PORT_8765_TCP_PROTO",
        "PORT_8765_TCP_PORT",
        "PORT_8765_TCP_ADDR",
        "STORAGE",
        "PEER",
        "VERSION",
    ]
    given = dict.fromkeys([*said, *(f"PROTOBASE_{name}" for name in others), "POLCY"], "x")
    found = list(misnamed(given))
    assert found == [f"{name} is no setting, and is ignored; {meant}" for name, meant in sorted(said.items())]
    (several,) = misnamed({"PROTOBASE_MESSAGE_BYTES": "1"})
    assert "PROTOBASE_SERVER_LIMITS_MESSAGE_BYTES or PROTOBASE_LIVE_LIMITS_MESSAGE_BYTES" in several


def test_proxies_are_given_in_the_singular_as_options(config):
    found = settings({"trusted_proxy": ["10.0.0.0/8", "::1"]}, {})
    assert found.trusted_proxies == ("10.0.0.0/8", "::1")
    found = settings({}, {"PROTOBASE_TRUSTED_PROXIES": "10.0.0.1 10.0.0.2"})
    assert found.trusted_proxies == ("10.0.0.1", "10.0.0.2")
    found = settings({"config": config('trusted_proxies = ["10.0.0.1"]\n')}, {})
    assert found.trusted_proxies == ("10.0.0.1",)


def test_lists_are_given_option_by_option_in_a_variable_or_in_the_file(config):
    urls = ["ws://a:1/peer", "ws://b:2/peer"]
    file = config(
        f"peers = {urls}\nnode_id = 'n1'\ncluster_secret_file = 's'\ndurability = 'majority'\n"
        "owners = ['a*', 'b']\nadvertise = 'ws://n1'\n"
    )
    variables = {
        "PROTOBASE_PEERS": " ".join(urls),
        "PROTOBASE_NODE_ID": "n1",
        "PROTOBASE_CLUSTER_SECRET_FILE": "s",
        "PROTOBASE_DURABILITY": "majority",
        "PROTOBASE_OWNERS": "a* b",
        "PROTOBASE_ADVERTISE": "ws://n1",
    }
    given = {"peer": urls, "node_id": "n1", "cluster_secret_file": "s", "durability": "majority"}
    given |= {"owner": ["a*", "b"], "advertise": "ws://n1"}
    node = {"node_id": "n1", "cluster_secret_file": "s", "durability": "majority", "advertise": "ws://n1"}
    expected = Settings(peers=tuple(urls), owners=("a*", "b"), **node)
    for each in ((given, {}), ({}, variables), ({"config": file}, {})):
        assert settings(*each) == expected


def test_the_inspector_may_be_switched_off(config):
    assert settings({}, {}).inspector == "on"
    for each in (
        ({"inspector": "off"}, {}),
        ({}, {"PROTOBASE_INSPECTOR": "OFF"}),
        ({"config": config('inspector = "off"')}, {}),
    ):
        assert settings(*each) == Settings(inspector="off")


def test_a_name_that_one_section_has_is_enough():
    found = settings({"limit": ["document_bytes=1GiB", "view_rows = 5", "bye_seconds=0.5"]}, {})
    assert found.limits.document_bytes == 2**30
    assert found.view_limits.view_rows == 5
    assert found.live_limits.bye_seconds == 0.5


@pytest.mark.parametrize(
    ("options", "environment", "said"),
    [
        ({"limit": ["document_byte=1"]}, {}, "no setting 'document_byte'; did you mean 'document_bytes'"),
        ({"limit": ["message_bytes=1"]}, {}, "server_limits.message_bytes or live_limits.message_bytes"),
        ({"limit": ["document_bytes"]}, {}, "write it like document_bytes=128MiB"),
        ({"limit": ["document_bytes=-1"]}, {}, ", 0 or more"),
        ({"limit": ["document_bytes=1.5"]}, {}, "not a whole number"),
        ({"limit": ["idle_seconds=inf"]}, {}, "a number of seconds, more than 0"),
        ({"limit": ["file_bytes=soon"]}, {}, "'soon' is not a whole number"),
        ({"limit": ["idle_seconds=soon"]}, {}, "a number of seconds"),
        ({}, {"PROTOBASE_VIEWS": "x"}, "PROTOBASE_VIEWS: 'x'"),
        ({}, {"PROTOBASE_LOG_LEVEL": "loud"}, "PROTOBASE_LOG_LEVEL: 'loud' is none of debug, info"),
        ({"log_format": "xml"}, {}, "--log-format: 'xml' is none of text, json"),
        ({"inspector": "no"}, {}, "--inspector: 'no' is none of on, off"),
        ({"config": "nowhere.toml"}, {}, "nowhere.toml"),
    ],
)
def test_mistakes_are_named(options, environment, said):
    with pytest.raises(ValidationError, match=said.replace("(", "\\(")):
        settings(options, environment)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("storag = 1", "no setting 'storag'; did you mean 'storage'"),
        ("storage = 1", "expected a text, not 1"),
        ("origins = 'x'", "expected a list of origins"),
        ("peers = 'x'", "expected a list of addresses of nodes"),
        ("node_id = 1", "expected a text, not 1"),
        ("[limits]\nviews = 1", "no setting 'limits.views'"),
        ("[limits]\ncollections = true", "True is not a whole number"),
        ("limits = 3", "limits is a section"),
        ("storage =", "Invalid"),
    ],
)
def test_mistakes_in_a_file_are_named(text, said, config):
    with pytest.raises(ValidationError, match=said):
        settings({"config": config(text)}, {})


@pytest.mark.parametrize("option", Options.__annotations__)
def test_every_option_is_in_the_guide_with_its_variable(option):
    guide = (Path(__file__).resolve().parents[3] / "docs" / "guide.md").read_text()
    rows = [row for row in guide.splitlines() if row.startswith("| `--")]
    said = [row for row in rows if f"`--{option.replace('_', '-')}" in row]
    assert any("PROTOBASE_" in row for row in said), "no row of 'Settings of `serve`'"
