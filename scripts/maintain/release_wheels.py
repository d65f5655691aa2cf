"""Builds a release: wheels for every platform on one machine, the pure wheel, the source archive, diffstab-networks.

    pip install build ziglang
    python scripts/maintain/release_wheels.py --output dist

zig's C compiler makes the kernel for other systems than the one that runs this.
"""

import os
import subprocess
import sys
from pathlib import Path

import click

ZIG = f"{sys.executable} -m ziglang cc -target"
TARGETS = {  # platform tags of wheels, and zig's names
    "manylinux_2_17_x86_64": "x86_64-linux-gnu.2.17",
    "manylinux_2_17_aarch64": "aarch64-linux-gnu.2.17",
    "macosx_11_0_arm64": "aarch64-macos.11.0",
    "macosx_10_13_x86_64": "x86_64-macos.10.13",
    "win_amd64": "x86_64-windows-gnu",
}


ROOT = Path(__file__).parents[2]


def build(output: Path, *kinds: str, project: Path = ROOT, **environment: str) -> None:
    """Builds with `python -m build`."""
    command = [sys.executable, "-m", "build", *kinds, "--outdir", str(output), str(project)]
    subprocess.run(command, check=True, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)


@click.command()
@click.option("--output", type=click.Path(path_type=Path), default=Path("dist"), show_default=True)
def main(output: Path) -> None:
    build(output, "--sdist")
    build(output, project=ROOT / "pretrained")
    build(output, "--wheel", DIFFSTAB_BUILD="pure")
    for platform, target in TARGETS.items():
        build(output, "--wheel", DIFFSTAB_BUILD="native", DIFFSTAB_PLATFORM=platform, CC=f"{ZIG} {target}")
    for path in sorted(output.iterdir()):
        print(f"{path.name}  {path.stat().st_size / 2**20:.1f} MB")


if __name__ == "__main__":
    main()
