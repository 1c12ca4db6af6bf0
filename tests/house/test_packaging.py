"""The pages come into what is built, and who installs that needs no Node."""

import importlib.util
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]

PAGES = ("demo", "inspector")


def hatch_build():
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Machine:
    """What is built, and what runs there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.programs = {"node", "npm"}
        self.makes = set(PAGES)
        self.fails: str | None = None
        self.ran: list[str] = []
        (root / "web_demo").mkdir()

    def page(self, name: str) -> Path:
        return self.root / "protobase_live" / "pages" / name / "index.html"

    def has(self, *names: str) -> None:
        for name in names:
            self.page(name).parent.mkdir(parents=True, exist_ok=True)
            self.page(name).write_text("page")

    def which(self, name):
        return f"/bin/{name}" if name in self.programs else None

    def run(self, command, *, cwd, **_):
        assert cwd == self.root / "web_demo"
        self.ran.append(" ".join(command))
        if "build" in command:
            self.has(*self.makes)
        failed = self.fails is not None and self.fails in command
        return subprocess.CompletedProcess(command, int(failed), "said", "wrong")

    def build(self, version: str = "standard") -> None:
        module = hatch_build()
        module.shutil = SimpleNamespace(which=self.which)
        module.subprocess = SimpleNamespace(run=self.run)
        hook = module.PagesHook(str(self.root), {}, None, None, str(self.root), "wheel")
        hook.initialize(version, {})


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_pages_are_built_of_what_the_lock_file_says(machine):
    machine.has(*PAGES)  # of earlier sources, perhaps
    machine.build()
    assert machine.ran == ["npm ci --loglevel=error", "npm run build"]


def test_an_editable_install_builds_none(machine):
    machine.programs.clear()
    machine.build("editable")
    assert machine.ran == []


def test_a_source_distribution_has_pages_and_needs_no_node(machine):
    machine.programs.clear()
    machine.has(*PAGES)
    (machine.root / "PKG-INFO").touch()
    machine.build()
    assert machine.ran == []


@pytest.mark.parametrize("had", [(), ("demo",), ("inspector",)])
def test_a_source_distribution_without_one_of_the_pages_builds_them(machine, had):
    machine.has(*had)
    (machine.root / "PKG-INFO").touch()
    machine.build()
    assert all(machine.page(name).exists() for name in PAGES)


@pytest.mark.parametrize("missing", ["node", "npm"])
def test_what_is_missing_is_said(machine, missing):
    machine.programs.remove(missing)
    with pytest.raises(RuntimeError, match="install Node 20 or newer, with npm"):
        machine.build()


@pytest.mark.parametrize("fails", ["ci", "build"])
def test_a_command_that_fails_is_told_of(machine, fails):
    machine.fails = fails
    with pytest.raises(RuntimeError, match=rf"npm .*{fails}.* failed(?s:.*)saidwrong"):
        machine.build()


@pytest.mark.parametrize("missing", PAGES)
def test_a_build_without_one_of_the_pages_fails(machine, missing):
    machine.makes.remove(missing)
    with pytest.raises(RuntimeError, match=f"has made no .*{missing}"):
        machine.build()


def test_what_is_built_is_not_in_the_repository_and_comes_into_the_wheel():
    assert "protobase_live/pages/" in (ROOT / ".gitignore").read_text().splitlines()
    assert 'artifacts = ["protobase_live/pages/"]' in (ROOT / "pyproject.toml").read_text()
