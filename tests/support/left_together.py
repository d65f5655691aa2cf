"""Run by torchrun: one step of a network that is shared out; then each process prints its threads of Gloo."""

import os
from pathlib import Path

import torch
from torch import nn

from diffstab.processes import joined


def threads() -> list[str]:
    return [(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()]


def main():
    with joined(torch.device("cpu")) as processes:
        network = processes.wrapped(nn.Linear(2, 2), torch.device("cpu"))
        network(torch.ones(3, 2)).sum().backward()
        del network
        joining = [name for name in threads() if "gloo" in name]
    left = [name for name in threads() if "gloo" in name]
    os.write(1, f"{bool(joining)} {left}\n".encode())


if __name__ == "__main__":
    main()
