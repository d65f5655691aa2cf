"""Networks in ONNX, run by `onnxruntime` on the CPU: a graph with its weights, without layers and gradients."""

import hashlib
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..checks import in_short, some
from ..options import ONNX
from ..precision import sent
from ..reading import file_sha256, read_bytes
from .card import Asked, Card

FLOATS = {"tensor(float)": torch.float32, "tensor(double)": torch.float64, "tensor(float16)": torch.float16}
CHANNELS = (1, 3)
LARGEST_GRAPH = 2**31  # bytes; protobuf allows no more in one file
# In protobuf, an entry {key: "location", value: NAME} of a tensor whose values lie in another file.
LOCATION = re.compile(rb"\x0a\x08location\x12(?:([\x00-\x7f])|([\x80-\xff][\x01-\x7f]))", re.DOTALL)
QUANTISED = (b"QuantizeLinear", b"QLinear", b"ConvInteger", b"MatMulInteger")  # in the names of operations


class OnnxNetwork(nn.Module):
    """A graph as a network from images `[B, C, H, W]` to its output, or to its outputs by name.

    Its state is a hash of the files, so that results are kept under their content. A graph made for one size of batch
    runs once for each part of that size; copies of an image fill the last.

    Args:
        path: File of the graph.
        threads: Number of threads; None for torch's.

    Raises:
        ValueError: If the library or a file is missing, the file is damaged, or it takes anything but one batch of
            images.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        super().__init__()
        self.path, self.threads = path, threads or torch.get_num_threads()
        digest = hashlib.sha256("".join(file_sha256(file) for file in onnx_files(path)).encode()).digest()
        self.register_buffer("sha256", torch.frombuffer(bytearray(digest), dtype=torch.uint8))
        self.register_buffer("place", torch.empty(0), persistent=False)  # has device and precision of the measurement
        self.session = _session(path, self.threads)
        taken = self.session.get_inputs()
        (self.input, self.shape), self.dtype = _images(path, taken), FLOATS[taken[0].type]
        self.outputs = [one.name for one in self.session.get_outputs()]

    def forward(self, images: Tensor) -> Any:
        """Runs the graph; raises ValueError with the sizes if images have another size than it takes."""
        for name, wanted, came in zip(("channels", "rows", "columns"), self.shape[1:], images.shape[1:], strict=True):
            if wanted not in (None, came):
                raise ValueError(
                    f"{self.path} takes images of {wanted} {name}, and these have {came}; leave out --img-size"
                )
        count, size = len(images), self.shape[0] or len(images)
        found: list[list[Any]] = []
        for part in sent(images.detach(), "cpu").to(self.dtype).split(size):
            whole = torch.cat([part, part[-1:].expand(size - len(part), *part.shape[1:])])
            found.append(self.session.run(self.outputs, {self.input: whole.contiguous().numpy()}))
        made = {
            name: torch.from_numpy(np.concatenate([one[k] for one in found])[:count]).to(images.device)
            for k, name in enumerate(self.outputs)
            if isinstance(found[0][k], np.ndarray) and found[0][k].ndim and len(found[0][k]) == size
        }
        return next(iter(made.values())) if len(made) == 1 else made

    def extra_repr(self) -> str:
        """Input and hash, which tell one graph from another."""
        digest = self.get_buffer("sha256").cpu().numpy().tobytes().hex()
        return f"{self.input} {list(self.shape)}, sha256 {digest[:16]}"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "session": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.session = _session(self.path, self.threads)


def onnx_files(path: Path) -> list[Path]:
    """Returns the file of a graph and the files beside it that hold its weights.

    Raises:
        ValueError: If a file is missing, no regular one, or lies outside the graph's folder.
    """
    names: dict[str, None] = {}
    content = _content(path)
    for found in LOCATION.finditer(content):
        length = found[1] or found[2]
        count = length[0] if found[1] else (length[0] & 0x7F) | length[1] << 7
        name = content[found.end() : found.end() + count].decode("utf-8", "replace")
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ValueError(f"{str(path)!r} has weights in {name!r}; a file in its own folder is needed")
        names[name] = None
    files = [path.parent / name for name in names]
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        raise ValueError(f"{str(path)!r} has weights in {some(missing)}, which is missing; bring it too")
    return [path, *files]


def _content(path: Path) -> bytes:
    try:
        return read_bytes(path, most=LARGEST_GRAPH)
    except OSError as error:
        raise ValueError(f"model is '{ONNX}:{path}', which can't be read ({error.strerror}); name a file") from error


def _session(path: Path, threads: int) -> Any:
    if find_spec("onnxruntime") is None:
        raise ValueError(f"model is '{ONNX}:{path}'; onnxruntime is needed: pip install 'diffstab[onnx]'")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 4  # fatal; errors are raised
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # of the library, which has its own kinds
        raise ValueError(
            f"{str(path)!r} can't be loaded as ONNX ({in_short(error)}); export it again, in float32"
        ) from error


def _images(path: Path, inputs: list[Any]) -> tuple[str, tuple[int | None, ...]]:
    """Returns the name of the input and its shape [B, C, H, W], with None for sides that are not fixed."""
    told = ", ".join(f"{one.name} {one.type} {one.shape}" for one in inputs)
    if len(inputs) != 1 or inputs[0].type not in FLOATS or len(inputs[0].shape) != 4:
        raise ValueError(f"{str(path)!r} takes {told or 'nothing'}; one input of floats [B, C, H, W] is needed")
    shape = tuple(side if isinstance(side, int) else None for side in inputs[0].shape)
    if shape[1] not in (None, *CHANNELS):
        raise ValueError(f"{str(path)!r} takes {told}; 1 or 3 channels, before rows and columns, are needed")
    return inputs[0].name, shape


def onnx_card(path: Path) -> Card:
    """Makes the card of a file: the size of its images. Raises the errors of `OnnxNetwork`."""
    onnx_files(path)
    _, channels, height, width = _images(path, _session(path, 1).get_inputs())[1]
    return Card(published=True, takes=(channels, height, width), notes=_notes(path))


def _notes(path: Path) -> tuple[str, ...]:
    if not any(word in _content(path) for word in QUANTISED):
        return ()
    return (
        f"{path} holds quantised operations, whose outputs move in steps: small changes may be lost or exaggerated",
    )


def build_onnx(path: Path, asked: Asked) -> OnnxNetwork:
    """Loads a file. Raises ValueError if it can't be loaded, or for options that need a network to build."""
    given: dict[str, Any] = {f"--{name.replace('_', '-')}": value for name, value in asked.named().items()}
    given |= {"--model-kwargs": asked.arguments or None, "--checkpoint": asked.checkpoint}
    given |= {"--weights init": True} if asked.weights == "init" else {}
    unfit = [option for option, value in given.items() if value is not None]
    if unfit:
        raise ValueError(f"'{ONNX}:{path}' is a graph with its weights; leave out {', '.join(unfit)}")
    return OnnxNetwork(path)
