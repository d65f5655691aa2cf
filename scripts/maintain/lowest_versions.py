"""Print the oldest version of each dependency that pyproject.toml allows, as pins for an installer.

    python scripts/maintain/lowest_versions.py > lowest.txt

`make test-lowest` installs these versions and runs all tests. The script needs only Python.
"""

import tomllib
from pathlib import Path


def pins(project: dict) -> list[str]:
    """Returns `name==version` for each `name>=version` of the dependencies and the extras."""
    asked = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    return sorted({one.replace(">=", "==") for one in asked if ">=" in one})


if __name__ == "__main__":
    root = Path(__file__).resolve().parents[2]
    print("\n".join(pins(tomllib.loads((root / "pyproject.toml").read_text())["project"])))
