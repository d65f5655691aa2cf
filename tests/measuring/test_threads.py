"""Several threads of a process measure: the numbers are those of one thread, and everything is left as it was."""

import multiprocessing
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
import pytest
import torch
from support.threaded import THREADS, together
from torch import nn

from diffstab import MaxEntropyEnsemble, measure
from diffstab.measuring import measure_cell
from diffstab.measuring.modules import finding_hidden
from diffstab.options import MeasureOptions
from diffstab.precision import ieee_float32
from diffstab.processes import taking_turns

ENSEMBLE = MaxEntropyEnsemble((17, 11), 3, delta=1.0)
CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("one_thread")


def values(result):
    """All numbers of a measurement, as texts that are equal only bit for bit."""
    raw = [part.tobytes().hex() for part in (result.raw.deformation, result.raw.noise, result.raw.outputs)]
    return repr((result.D, result.G, result.R, result.layers, raw))


def state(network):
    """Modes, buffers and hooks of a network, and what belongs to the whole process."""
    modules = [(one.training, len(one._forward_hooks), len(one._forward_pre_hooks)) for one in network.modules()]
    buffers = [buffer.tolist() for buffer in network.buffers()]
    hooks = len(torch.nn.modules.module._global_forward_pre_hooks)
    flags = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32, torch.get_num_threads()
    generators = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002
    return modules, buffers, hooks, flags, torch.get_float32_matmul_precision(), generators


class Wrapper(nn.Module):
    """Another network around the same parts."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, images):
        return self.inner(images.flip(-1))


@pytest.fixture
def lowered():
    """Products in less than IEEE float32, as training scripts have them."""
    torch.set_float32_matmul_precision("medium")
    yield
    torch.set_float32_matmul_precision("highest")


@pytest.mark.parametrize("options", [{"layers": "auto"}, {"batch_norm": "batch", "layers": "auto"}, {}], ids=str)
def test_one_network_in_eight_threads_gives_the_numbers_of_one(network, images, lowered, options):
    before = state(network)

    def one(seed):
        return values(measure(network, images, ENSEMBLE, seed=seed, resamples=100, **options))

    wanted = [one(seed) for seed in range(THREADS)]
    assert together(one, range(THREADS)) == wanted
    assert len(set(wanted)) == THREADS
    assert state(network) == before


def test_networks_that_share_parts_give_the_numbers_of_one_thread(network, images, lowered):
    shared = [network, Wrapper(network), network[:3], lambda x: network(x) * 2, Wrapper(network).forward]
    shared += [nn.Sequential(network, nn.Softmax(1)), lambda x: x.flatten(1), nn.Sequential(*network)]

    def one(place):
        layers = "auto" if isinstance(shared[place], nn.Module) else None
        return values(measure(shared[place], images, ENSEMBLE, layers=layers, resamples=100, note=lambda text: None))

    before = state(network)
    wanted = [one(place) for place in range(THREADS)]
    assert together(one, range(THREADS)) == wanted
    assert state(network) == before


def test_cells_by_name_give_the_numbers_of_one_thread(network):
    """Networks are built from the global generator, seeded."""
    cells = [MeasureOptions(model=model, weights="init", images=10, resamples=100, seed=seed, layers="auto")
             for model in ("lenet", "fc_l2") for seed in range(THREADS // 2)]  # fmt: skip
    before = state(network)
    wanted = [measure_cell(cell) for cell in cells]
    found = together(measure_cell, cells)
    assert [one.weights_sha256 for one in found] == [one.weights_sha256 for one in wanted]
    assert [values(one) for one in found] == [values(one) for one in wanted]
    assert state(network) == before


def test_a_network_may_measure_within_itself(network, images):
    inner = []

    def model(batch):
        inner.append(measure(network, images, ENSEMBLE).R.value)
        return network(batch)

    assert measure(model, images, ENSEMBLE, batch_size=40).R == measure(network, images, ENSEMBLE).R
    assert len(set(inner)) == 1


def test_a_failure_lets_the_next_thread_in(network, images):
    with pytest.raises(ValueError, match="count is -1"):
        measure(network, images, ENSEMBLE, count=-1)
    assert len(set(together(lambda _: values(measure(network, images, ENSEMBLE)), range(THREADS)))) == 1


def _measure_in_child(network, images, answers):
    answers.put(values(measure(network, images, ENSEMBLE)))


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_process_forked_while_another_thread_measures_does_not_wait_for_it(network, images, one_thread):
    inside, leave = threading.Event(), threading.Event()

    def occupy():
        with taking_turns():
            inside.set()
            leave.wait(120)

    other = threading.Thread(target=occupy)
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    other.start()
    try:
        assert inside.wait(60)
        child = context.Process(target=_measure_in_child, args=(network, images, answers))
        child.start()
        found = answers.get(timeout=60)
        child.join(60)
    finally:
        leave.set()
        other.join()
    assert (found, child.exitcode) == (values(measure(network, images, ENSEMBLE)), 0)


def test_networks_that_other_threads_run_are_no_hidden_parts(network, images):
    """A training beside a measurement: its modules are in training mode."""
    other = nn.Linear(2, 2).train()
    with finding_hidden(network), ThreadPoolExecutor(1) as pool:
        assert pool.submit(other, torch.rand(3, 2)).result(60).shape == (3, 2)
        with pytest.raises(ValueError, match="a Linear runs that is not registered"), finding_hidden(network):
            other(torch.rand(3, 2))


def precisions():
    products = torch.backends.mkldnn.matmul, torch.backends.mkldnn.conv, torch.backends.cuda.matmul
    return [product.fp32_precision for product in products], torch.backends.cudnn.allow_tf32


@pytest.mark.parametrize("first_is_brief", [True, False])
def test_the_last_one_inside_puts_the_precision_back(lowered, first_is_brief):
    """A transform of another thread that began before a measurement may end within it."""
    before, one, other = precisions(), ExitStack(), ExitStack()
    assert "bf16" in before[0]
    one.enter_context(ieee_float32(CPU, matmul_only=first_is_brief))
    other.enter_context(ieee_float32(CPU, matmul_only=not first_is_brief))
    one.close()
    assert precisions()[0][::2] == ["ieee", "ieee"]  # of matrix products
    assert (precisions()[1] is False) == first_is_brief  # the convolutions' setting is that of the longer one
    torch.set_float32_matmul_precision("high")
    with ieee_float32(CPU):
        assert not {"bf16", "tf32"} & set(precisions()[0])
        assert precisions()[1] is False
    other.close()
    assert precisions() == before
