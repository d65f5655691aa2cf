"""The form of the output that is compared, logits or probabilities."""

import pytest
import torch
from torch import nn

from diffstab import measure
from diffstab.cli import main
from diffstab.options import MeasureOptions
from diffstab.sweep.jobs import measure_job


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 5))


@pytest.fixture
def images():
    return torch.rand(30, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def test_probabilities_are_those_of_a_network_that_ends_in_a_softmax(network, images):
    labels = torch.arange(30) % 5
    found, logits = (
        measure(network, images, delta=1.0, labels=labels, of=form) for form in ("probabilities", "logits")
    )
    within = measure(nn.Sequential(network, nn.Softmax(1)), images, delta=1.0, labels=labels)
    assert (found.D, found.G, found.R) == (within.D, within.G, within.R)
    assert (found.test_error, found.flips_noise) == (logits.test_error, logits.flips_noise)
    assert found.R != logits.R
    assert (found.of, logits.of, len({found.key, logits.key})) == ("probabilities", "logits", 2)
    assert "of: probabilities" in str(found)


def test_a_constant_added_to_all_logits_changes_no_probability(network, images):
    shifted = nn.Sequential(network, nn.Flatten())
    with torch.no_grad():
        before = measure(shifted.double(), images.double(), delta=1.0, of="probabilities")
        network[1].bias += 3.0
    after = measure(shifted, images.double(), delta=1.0, of="probabilities")
    assert pytest.approx(before.R, rel=1e-9) == after.R


def test_the_layers_are_measured_as_before(network, images):
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 5))
    plain, found = (
        {layer.name: layer.R for layer in measure(network, images, delta=1.0, layers="all", of=form).layers}
        for form in ("logits", "probabilities")
    )
    assert found.items() >= {name: R for name, R in plain.items() if name != "output"}.items()


@pytest.mark.parametrize(
    "network", [nn.Sequential(nn.Flatten(), nn.Linear(64, 1)), lambda images: images.mean((1, 2, 3))]
)
def test_one_output_has_no_probabilities(network, images):
    with pytest.raises(ValueError, match=r"of is 'probabilities' and .*; several classes are needed"):
        measure(network, images, delta=1.0, of="probabilities")


def test_the_command_and_a_sweep_have_it_and_old_jobs_keep_their_names():
    assert "of" in {parameter.name for parameter in main.commands["measure"].params}
    usual = measure_job(MeasureOptions()).id
    assert measure_job(MeasureOptions(of="logits")).id == usual != measure_job(MeasureOptions(of="probabilities")).id
