"""Small networks in ONNX, made node by node, beside the same networks in torch."""

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn


def convolutional(channels=1, classes=10, seed=5):
    """A convolution, batch norm in evaluation mode, ReLU, average over space, and a linear layer."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        norm = nn.BatchNorm2d(6)
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
        layers = (nn.Conv2d(channels, 6, 4, stride=2), norm, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return nn.Sequential(*layers, nn.Linear(6, classes)).eval()


def as_onnx(network, path, shape, *, kind=TensorProto.FLOAT, more=(), external=False):
    """Writes the graph of `convolutional`; sides of `shape` are numbers or names; `more` names further outputs."""
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    state = {name: value.numpy().astype(dtype) for name, value in network.state_dict().items() if value.ndim}
    norm = [f"1.{name}" for name in ("weight", "bias", "running_mean", "running_var")]
    nodes = [
        helper.make_node("Conv", ["images", "0.weight", "0.bias"], ["a"], strides=list(network[0].stride)),
        helper.make_node("BatchNormalization", ["a", *norm], ["b"], epsilon=network[1].eps),
        helper.make_node("Relu", ["b"], ["c"]),
        helper.make_node("GlobalAveragePool", ["c"], ["d"]),
        helper.make_node("Flatten", ["d"], ["features"]),
        helper.make_node("Gemm", ["features", "5.weight", "5.bias"], ["logits"], transB=1),
    ]
    outputs = [helper.make_tensor_value_info(name, kind, [shape[0], None]) for name in (*more, "logits")]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("images", kind, shape)],
        outputs,
        [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in state.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    onnx.save(made, path, save_as_external_data=external, location=f"{path.name}.data", size_threshold=0)
    return f"onnx:{path}"
