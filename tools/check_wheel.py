"""Builds the wheel, installs it alone in a fresh environment and checks what arrives there.

An editable install also exposes the repository's root, so only this shows what a user gets. The demo is
started where there is no Node, and its page is asked for with all that it loads.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {"protobase_live", "protobase_actors", "protobase_storage"}


def run(*command: str | Path, cwd: Path) -> None:
    """Runs a command without the caller's import path; raises CalledProcessError when it fails."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(command, cwd=cwd, env=environment, check=True, stdout=subprocess.DEVNULL)


def build(folder: Path) -> Path:
    """Builds the wheel into `folder` and returns its path."""
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


def top_level_names(wheel: Path) -> set[str]:
    """What the wheel puts into site-packages, its own metadata aside."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name.split("/")[0] for name in archive.namelist()}
    return {name for name in names if not name.endswith(".dist-info")}


def check_installed(wheel: Path, folder: Path) -> None:
    """Installs the wheel alone and uses it from an empty folder."""
    venv.create(folder / "venv", with_pip=True)
    scripts, empty = folder / "venv" / "bin", folder / "empty"
    empty.mkdir()
    run(scripts / "pip", "install", "-qq", "--disable-pip-version-check", wheel, cwd=empty)
    for package in sorted(PACKAGES):
        run(scripts / "python", "-c", f"import {package}", cwd=empty)
    run(scripts / "protobase-live", "--help", cwd=empty)
    check_demo(scripts, empty)


def check_demo(scripts: Path, folder: Path) -> None:
    """Starts the demo and loads its page."""
    options = ("--storage", "memory:", "--port", "0", "--no-open")
    with subprocess.Popen(
        [scripts / "protobase-live", "demo", *options],
        cwd=folder,
        env={"PATH": str(scripts)},
        stdout=subprocess.PIPE,
        text=True,
    ) as demo:
        try:
            url = demo.stdout.readline().removeprefix("open ").strip()
            page = urlopen(url).read().decode()
            assets = re.findall(r'(?:src|href)="\./(assets/[^"]+)"', page)
            if not any(name.endswith(".js") for name in assets):
                sys.exit(f"the demo's page has no program:\n{page}")
            for name in assets:
                urlopen(f"{url}/{name}").read()
        finally:
            demo.send_signal(signal.SIGTERM)
    if demo.returncode:
        sys.exit(f"the demo ended with {demo.returncode}")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel = build(folder)
        found = top_level_names(wheel)
        if found != PACKAGES:
            sys.exit(f"the wheel's top-level names are {sorted(found)}, expected {sorted(PACKAGES)}")
        check_installed(wheel, folder)
        print(f"{wheel.name}: {', '.join(sorted(found))}; imports and runs on its own, and so does its demo")


if __name__ == "__main__":
    main()
