"""Networks that return several tensors: the logits are measured, or the first one, and the result says which."""

from collections import OrderedDict, namedtuple
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from diffstab import MaxEntropyEnsemble, measure
from diffstab.measuring.outputs import measured_output

LOGITS, OTHER = torch.ones(2, 3), torch.zeros(2, 5)
GoogLeNetOutputs = namedtuple("GoogLeNetOutputs", ["logits", "aux_logits2", "aux_logits1"])


@pytest.mark.parametrize(
    ("output", "where"),
    [
        (LOGITS, None),
        ((LOGITS, OTHER), "tensor 1 of 2 in a tuple"),
        ([None, LOGITS], "tensor 2 of 2 in a list"),
        (OrderedDict(aux=OTHER, out=LOGITS), "'out' of aux, out"),
        ({"features": OTHER, "logits": LOGITS, "loss": None}, "'logits' of features, logits"),
        ({"scores": LOGITS, "boxes": OTHER}, "'scores' of scores, boxes"),
        (GoogLeNetOutputs(LOGITS, None, None), "'logits' of logits, aux_logits2, aux_logits1"),
        (SimpleNamespace(logits=LOGITS, loss=None), "'logits' of logits"),
    ],
)
def test_the_logits_or_the_first_tensor(output, where):
    found, place = measured_output(output)
    assert found is LOGITS
    assert place == where


@pytest.mark.parametrize("output", [None, "logits", 3, (), {}, {"loss": None}, [None], SimpleNamespace(logits=None)])
def test_without_a_tensor_it_is_refused(output):
    with pytest.raises(TypeError, match=r"the network returned a .*; wrap it to return one tensor"):
        measured_output(output)


class Several(nn.Module):
    """Returns its logits beside its features."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        return {"features": images.flatten(1), "logits": self.network(images)}


def test_a_network_of_several_outputs_gives_the_numbers_of_its_logits(network, images):
    ensemble = MaxEntropyEnsemble((17, 11), 5, delta=1.0)
    alone, several = (measure(net, images, ensemble) for net in (network, Several(network)))
    assert (several.R, several.D, several.G) == (alone.R, alone.D, alone.G)
    assert several.output == "'logits' of features, logits"
    assert alone.output is None
