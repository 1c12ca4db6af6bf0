"""What `serve` can be told: by options, by the environment, by a file, in this order; else the defaults.

A limit has one name everywhere: that of the field of the class that holds it, below the name of its section,
which is that of the class. ``limits.document_bytes`` is ``document_bytes`` below ``[limits]`` in a file and
PROTOBASE_LIMITS_DOCUMENT_BYTES in the environment. Where only one section has a limit of that name, options
and variables may leave out the section.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any, TypedDict, cast

from protobase_live.cluster.limits import ClusterLimits
from protobase_live.collection.limits import Limits, StorageLimits
from protobase_live.errors import ValidationError
from protobase_live.limits import default_of, expected
from protobase_live.live.limits import ViewLimits
from protobase_live.model.nearest import did_you_mean
from protobase_live.presence.limits import PresenceLimits
from protobase_live.protocol.live.limits import LiveLimits
from protobase_live.server.limits import ServerLimits
from protobase_live.workers.limits import WorkerLimits

PREFIX = "PROTOBASE_"
OTHERS = (f"{PREFIX}CONFIG", f"{PREFIX}TOKEN")
"""Variables that are no line of a file."""
ALIKE = 0.8
"""How much a variable is like that of a setting, from 0 to 1, to have been meant as one. Orchestrators set
others that begin in the same way."""
LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("text", "json")
SWITCH = ("on", "off")
UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
SECTIONS: Mapping[str, type[Any]] = {
    "limits": Limits,
    "view_limits": ViewLimits,
    "presence_limits": PresenceLimits,
    "storage_limits": StorageLimits,
    "server_limits": ServerLimits,
    "live_limits": LiveLimits,
    "cluster_limits": ClusterLimits,
    "worker_limits": WorkerLimits,
}
"""The classes that hold the limits, by the name of their section."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a server is to run."""

    storage: str = "file:./data"
    listen: str = "127.0.0.1:8765"
    origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    node_id: str | None = None
    advertise: str | None = None
    durability: str = "local"
    cluster_secret_file: str | None = None
    schemas: str | None = None
    jwt_keys: str | None = None
    jwt_algorithms: tuple[str, ...] = ()
    jwt_audience: str | None = None
    jwt_issuer: str | None = None
    policy: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    tls_ca: str | None = None
    insecure: bool = False
    inspector: str = "on"
    log_level: str = "warning"
    log_format: str = "text"
    traces: str = "0"
    workers: int = 0
    limits: Limits = field(default_factory=Limits)
    view_limits: ViewLimits = field(default_factory=ViewLimits)
    presence_limits: PresenceLimits = field(default_factory=PresenceLimits)
    storage_limits: StorageLimits = field(default_factory=StorageLimits)
    server_limits: ServerLimits = field(default_factory=ServerLimits)
    live_limits: LiveLimits = field(default_factory=LiveLimits)
    cluster_limits: ClusterLimits = field(default_factory=ClusterLimits)
    worker_limits: WorkerLimits = field(default_factory=WorkerLimits)


class Options(TypedDict, total=False):
    """The options of `serve`; those that were not given are missing."""

    storage: str
    listen: str
    config: str
    origin: Sequence[str]
    trusted_proxy: Sequence[str]
    peer: Sequence[str]
    owner: Sequence[str]
    node_id: str
    advertise: str
    durability: str
    cluster_secret_file: str
    schemas: str
    jwt_keys: str
    jwt_algorithm: Sequence[str]
    jwt_audience: str
    jwt_issuer: str
    policy: str
    tls_cert: str
    tls_key: str
    tls_ca: str
    insecure: bool
    inspector: str
    limit: Sequence[str]
    log_level: str
    log_format: str
    traces: str
    workers: str


@dataclass(frozen=True, slots=True)
class _Given:
    """A value, and what gave it, for messages."""

    value: Any
    where: str


_Found = dict[str, _Given]
"""What was given, by the full names of settings: ``storage``, ``limits.document_bytes``."""


def settings(options: Options, environment: Mapping[str, str]) -> Settings:
    """What all of them come to. Raises ValidationError, which names what was wrong and where."""
    config = options.get("config", environment.get(f"{PREFIX}CONFIG"))
    found: _Found = {} if config is None else dict(_of_file(config))
    found |= dict(_of_environment(environment))
    found |= dict(_of_options(options))
    sections = {name: _section(name, found) for name in SECTIONS}
    plain = {name: _plain(name, given) for name, given in found.items() if "." not in name}
    return Settings(**plain, **sections)


def _of_options(options: Options) -> Iterator[tuple[str, _Given]]:
    for name in (*_TEXTS, *_COUNTS):
        if name in options:
            yield name, _Given(options.get(name), f"--{name.replace('_', '-')}")
    if options.get("insecure"):
        yield "insecure", _Given(True, "--insecure")
    for name, (option, _) in _LISTS.items():
        if values := options.get(option):
            yield name, _Given(list(cast("Sequence[str]", values)), f"--{option.replace('_', '-')}")
    for text in options.get("limit", ()):
        name, equals, value = map(str.strip, text.partition("="))
        if not equals:
            raise ValidationError(f"--limit {text!r}: write it like document_bytes=128MiB")
        yield _full_name(name, "--limit"), _Given(value, f"--limit {name}")


def _of_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, _Given]]:
    for variable, name in _VARIABLES.items():
        if variable in environment:
            value = environment[variable]
            yield name, _Given(value.split() if name in _LISTS else value, variable)


def misnamed(environment: Mapping[str, str]) -> Iterator[str]:
    """What to say of variables that nobody reads, and that were meant as settings by their names."""
    known = [*_VARIABLES, *OTHERS]
    for variable in sorted(environment.keys() - set(known)):
        if variable.startswith(PREFIX) and (meant := _meant(variable, known)):
            yield f"{variable} is no setting, and is ignored; did you mean {' or '.join(meant)}?"


def _meant(variable: str, known: Sequence[str]) -> Sequence[str]:
    name = variable.removeprefix(PREFIX)
    several = [each for each in _LIMITS if each.endswith(f".{name.lower()}")]
    if several:
        return [_variable(each) for each in several]
    close = get_close_matches(name, [each.removeprefix(PREFIX) for each in known], 1, ALIKE)
    return [PREFIX + each for each in close]


def _variable(name: str) -> str:
    return PREFIX + name.replace(".", "_").upper()


def _of_file(path: str) -> Iterator[tuple[str, _Given]]:
    for name, value in _parsed(path).items():
        if name in _PLAIN:
            yield name, _Given(value, f"{path}: {name}")
        elif name in SECTIONS and isinstance(value, dict):
            for limit, each in cast("dict[str, Any]", value).items():
                full = _full_name(f"{name}.{limit}", path)
                yield full, _Given(each, f"{path}: {full}")
        elif name in SECTIONS:
            raise ValidationError(f"{path}: {name} is a section; write [{name}], and its limits below")
        else:
            raise _unknown(name, path, [*_PLAIN, *SECTIONS])


def _parsed(path: str) -> dict[str, Any]:
    import tomllib  # with the first file: a server is started while its clients wait

    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValidationError(f"--config {path}: {error}") from error


def _full_name(name: str, where: str) -> str:
    full = _SHORT.get(name, name)
    if full in _LIMITS:
        return full
    if choices := [each for each in _LIMITS if each.endswith(f".{name}")]:
        raise ValidationError(f"{where}: {name} may be {' or '.join(choices)}; name the section, too")
    raise _unknown(name, where, [*_LIMITS, *_SHORT])


def _unknown(name: str, where: str, known: Sequence[str]) -> ValidationError:
    return ValidationError(f"{where}: there is no setting {name!r}{did_you_mean(name, known)}")


def _section(name: str, found: _Found) -> Any:
    values = {each.name: f"{name}.{each.name}" for each in fields(SECTIONS[name])}
    kind = SECTIONS[name]
    said = {short: found[full] for short, full in values.items() if full in found}
    return kind(**{short: _number(given, kind, short) for short, given in said.items()})


def _number(given: _Given, kind: type[Any], name: str) -> Any:
    """The number that a limit is set to; it is whole where the default is."""
    value: Any = given.value
    unit = 1
    whole = not isinstance(default_of(kind, name), float)
    if isinstance(value, str):
        text = value.strip()
        for suffix, size in UNITS.items():
            if text.endswith(suffix):
                text, unit = text.removesuffix(suffix).strip(), size
        with suppress(ValueError):
            value = int(text) * unit if whole else float(text)
    if right := expected(kind, name, value):
        units = ", or one with KiB, MiB or GiB" * whole
        raise ValidationError(f"{given.where}: {given.value!r} is not {right}{units}")
    return value if whole else float(value)


def _count(given: _Given) -> int:
    """How many processes serve."""
    value = given.value
    if isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            value = None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValidationError(
            f"{given.where}: {given.value!r} is no number of workers; expected 1 or more, "
            "or leave it out to serve with one process"
        )
    return value


def _plain(name: str, given: _Given) -> Any:
    value = given.value
    if name in _FLAGS:
        told = value if isinstance(value, bool) else _SAID.get(str(value).lower())
        if told is None:
            raise ValidationError(f"{given.where}: expected true or false, not {value!r}")
        return told
    if name in _COUNTS:
        return _count(given)
    if name in _LISTS:
        if not isinstance(value, list) or not all(isinstance(each, str) for each in cast("list[Any]", value)):
            raise ValidationError(f"{given.where}: expected a list of {_LISTS[name][1]}, not {value!r}")
        return tuple(cast("list[str]", value))
    if not isinstance(value, str):
        raise ValidationError(f"{given.where}: expected a text, not {value!r}")
    choices = _CHOICES.get(name)
    if choices and value.lower() not in choices:
        raise ValidationError(f"{given.where}: {value!r} is none of {', '.join(choices)}")
    return value.lower() if choices else value


_CHOICES = {"inspector": SWITCH, "log_level": LEVELS, "log_format": FORMATS}
"""Texts that are one of a few."""
_TEXTS = (
    *("storage", "listen", "node_id", "advertise", "durability", "cluster_secret_file", "schemas", "policy"),
    *("jwt_keys", "jwt_audience", "jwt_issuer", "tls_cert", "tls_key", "tls_ca", "traces", *_CHOICES),
)
_LISTS = {
    "origins": ("origin", "origins"),
    "trusted_proxies": ("trusted_proxy", "addresses and networks"),
    "peers": ("peer", "addresses of nodes"),
    "owners": ("owner", "patterns of collections"),
    "jwt_algorithms": ("jwt_algorithm", "algorithms"),
}
"""What can be given several times: the option for one, and what it is a list of."""
_FLAGS = ("insecure",)
_COUNTS = ("workers",)
_SAID = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
"""How a flag is said in a variable."""
_PLAIN = (*_TEXTS, *_LISTS, *_FLAGS, *_COUNTS)
_LIMITS = {f"{name}.{each.name}": each.default for name, kind in SECTIONS.items() for each in fields(kind)}
"""The defaults of all limits, by their full names."""

_NAMES = [full.partition(".")[2] for full in _LIMITS]
_SHORT = {short: full for short, full in zip(_NAMES, _LIMITS, strict=True) if _NAMES.count(short) == 1}
"""The full names of limits that can be named without their section."""
_VARIABLES = {
    **{_variable(option): name for name, (option, _) in _LISTS.items()},  # as the option, which is for one
    **{_variable(name): _SHORT.get(name, name) for name in (*_PLAIN, *_SHORT, *_LIMITS)},
}
"""What each variable sets; of two that set the same, the later one counts."""
