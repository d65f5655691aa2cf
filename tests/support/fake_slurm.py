"""As much of Slurm as submitit asks for: sbatch (with arrays), srun, sacct and scontrol requeue, in plain processes.

The folder FAKE_SLURM has each job's script, its state, and a marker for jobs that are to be run again.
"""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

FOLDER = Path(os.environ.get("FAKE_SLURM", "."))


def sbatch(script: str) -> None:
    number = 1000 + len(list(FOLDER.glob("*.sh")))
    kept = FOLDER / f"{number}.sh"
    kept.write_text(Path(script).read_text())
    if "--partition=closed" in kept.read_text():
        sys.exit("sbatch: error: invalid partition specified: closed")
    subprocess.Popen(
        [sys.executable, __file__, "elements", str(number)],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    print(f"Submitted batch job {number}")


def elements(number: str) -> None:
    array = re.search(r"--array=0-(\d+)%", (FOLDER / f"{number}.sh").read_text())
    indices = [str(index) for index in range(int(array[1]) + 1)] if array else [None]
    for index in indices:
        threading.Thread(target=element, args=(number, index)).start()


def element(number: str, index: str | None) -> None:
    name = number if index is None else f"{number}_{index}"
    own = {"SLURM_JOB_ID": number} if index is None else {"SLURM_ARRAY_JOB_ID": number, "SLURM_ARRAY_TASK_ID": index}
    again, code = FOLDER / f"{name}.again", 0
    while True:
        (FOLDER / f"{name}.state").write_text("RUNNING")
        script = ["bash", str(FOLDER / f"{number}.sh")]
        code = subprocess.run(script, check=False, env={**os.environ, "SLURM_JOB_ID": number, **own}).returncode
        if not again.exists():
            break
        again.unlink()
    state = {0: "COMPLETED", 128 + 9: "OUT_OF_MEMORY"}.get(code, "FAILED")
    if state == "OUT_OF_MEMORY":
        log = re.search(r"--error=(\S+)", (FOLDER / f"{number}.sh").read_text())[1]
        with open(named(log, number, number, index or ""), "a") as file:
            file.write("slurmstepd: error: Detected 1 oom_kill event\n")
    (FOLDER / f"{name}.state").write_text(state)


def named(pattern: str, job: str, array: str, index: str) -> str:
    for letters, value in {"%j": job, "%A": array, "%a": index, "%t": "0"}.items():
        pattern = pattern.replace(letters, value)
    return pattern


def srun(*arguments: str) -> None:
    job, array, index = (os.environ.get(f"SLURM_{name}", "") for name in ("JOB_ID", "ARRAY_JOB_ID", "ARRAY_TASK_ID"))
    words, files = list(arguments), {}
    while words[0].startswith("--"):
        option = words.pop(0)
        if option != "--unbuffered":
            files[option] = words.pop(0)
    for option, handle in (("--output", 1), ("--error", 2)):
        path = named(files[option], job, array, index)
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), handle)
    os.execvp(words[0], words)


def sacct(*_: str) -> None:
    print("JobID|State|NodeList")
    for path in FOLDER.glob("*.state"):
        print(f"{path.stem}|{path.read_text()}|node")


def scontrol(command: str, name: str) -> None:
    assert command == "requeue"
    (FOLDER / f"{name}.again").touch()


def install(folder: Path) -> None:
    """Makes the commands in `folder`."""
    for name in ("sbatch", "srun", "sacct", "scontrol"):
        path = folder / name
        path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" {name} "$@"\n')
        path.chmod(0o755)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
