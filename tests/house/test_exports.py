"""What a package exports exists and says what it is."""

import importlib
import inspect

import pytest

PACKAGES = ("protobase_live", "protobase_actors", "protobase_storage")


def exported():
    """Every (module, name) that a package exports, as test parameters."""
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in getattr(module, "__all__", ()):
            yield pytest.param(module, name, id=f"{package}.{name}")


@pytest.mark.parametrize(("module", "name"), list(exported()))
def test_exported_name_exists_and_is_documented(module, name):
    value = getattr(module, name)
    if inspect.isclass(value) or inspect.isroutine(value):
        written = value.__doc__ or ""
        assert written, f"{name} has no docstring of its own"
        assert not written.startswith(f"{name}("), f"{name} has only the docstring dataclasses make"


@pytest.mark.parametrize("package", PACKAGES)
def test_names_are_exported_once(package):
    names = getattr(importlib.import_module(package), "__all__", ())
    assert len(names) == len(set(names))
