"""Build hook of the package: adds the trained networks, and the kernel where a C compiler is at hand.

Without a compiler, or if it fails, the wheel is pure Python, and torch does everything. The environment decides:
DIFFSTAB_BUILD is `auto` (the default), `pure`, or `native`, which fails without a compiler; CC is the command of the
compiler; DIFFSTAB_PLATFORM is the wheel's platform tag if CC compiles for another machine.
"""

import os
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FLAGS = "-O3 -shared -ffp-contract=fast -fvisibility=hidden -Wno-psabi".split()
COMPILERS = ("cc", "gcc", "clang")
WAYS = ("auto", "pure", "native")


class NativeWheel(BuildHookInterface):
    """Adds the compiled library to a wheel, as a file beside the package."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compiles into a temporary folder, and tells hatchling what it found there; `version` is `editable` or not."""
        way = os.environ.get("DIFFSTAB_BUILD", "auto")
        if way not in WAYS:
            raise ValueError(f"DIFFSTAB_BUILD is {way!r}; allowed: {', '.join(WAYS)}")
        platform = os.environ.get("DIFFSTAB_PLATFORM") or sysconfig.get_platform().replace("-", "_").replace(".", "_")
        if version != "editable":
            build_data["force_include"] |= self.networks()
        self.folder = tempfile.mkdtemp()  # never into the tree, where a later pure wheel would find it
        library = Path(self.folder, f"_diffstab_native.{'pyd' if platform.startswith('win') else 'so'}")
        if way == "pure" or not self.compiled(library, platform, must=way == "native"):
            return
        build_data["force_include"][str(library)] = library.name
        build_data["force_include_editable"][str(library)] = library.name
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"

    def networks(self) -> dict[str, str]:
        """Returns what is in pretrained/, by path, with its place in the wheel, but for what diffstab-networks has."""
        folder = Path(self.root, "pretrained")
        project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))
        apart = {"pyproject.toml", *project["tool"]["hatch"]["build"]["only-include"]}
        return {str(path): f"diffstab/pretrained/{path.name}" for path in folder.iterdir() if path.name not in apart}

    def compiled(self, library: Path, platform: str, *, must: bool) -> bool:
        """Returns True if there is a compiler and it compiles. Raises if it does not and `must` is True."""
        found = next(filter(None, map(shutil.which, COMPILERS)), None)
        command = shlex.split(os.environ.get("CC", "")) or ([found] if found else [])
        if not command and must:
            raise ValueError(f"DIFFSTAB_BUILD is 'native' and none of {', '.join(COMPILERS)} is installed; set CC")
        sources = Path(self.root, "diffstab", "native")
        spec = spec_from_file_location("library", sources / "library.py")  # it imports nothing but the standard library
        library_file = module_from_spec(spec)
        spec.loader.exec_module(library_file)
        more = [f'-DDIFFSTAB_SOURCE="{library_file.digest(sources)}"']
        more += [] if platform.startswith("win") else ["-fPIC"]
        more += [] if platform.startswith("macosx") else ["-s"]  # without names of its own functions
        more += ["-mtune=skylake-avx512"] if command == [found] and platform.endswith("x86_64") else []
        try:
            subprocess.run([*command, *FLAGS, *more, "-o", library, sources / "kernel.c", "-lm"], check=True)
        except (OSError, subprocess.CalledProcessError, IndexError):
            if must:
                raise
            return False
        return True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Removes the temporary folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
