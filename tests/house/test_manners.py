"""No file of the repository depends on, or tells about, the machine it was written on."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Registry hosts, addresses that a lock file took from one, and folders of one machine.
# The spelling ([.] and [/]) lets this file pass its own test.
FORBIDDEN = re.compile(
    r"registry[.]npmjs[.]org|registry[.]yarnpkg[.]com|pypi[.]org|pythonhosted[.]org"
    r"|\"resolved\": *\"http"
    r"|(?<![\w.%}])[/](?:work|tmp|root|home[/]\w+)[/]\w"
)


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


@pytest.mark.parametrize(
    ("line", "forbidden"),
    [
        ("open('/" + "tmp/data')", True),
        ("file:/" + "/" + "/" + "work/main", True),
        ("https://pypi" + ".org/simple", True),
        ("open(tmp_path / 'data')", False),
        ("boards/work/42", False),
        ('"resolved": "' + 'https://mirror/yjs.tgz"', True),
    ],
)
def test_pattern(line, forbidden):
    assert bool(FORBIDDEN.search(line)) == forbidden


def test_files_name_no_registry_and_no_folder_of_a_machine():
    found = []
    for path in tracked_files():
        text = path.read_bytes().decode(errors="ignore")
        for number, line in enumerate(text.splitlines(), 1):
            if FORBIDDEN.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert not found, "\n".join(found)
