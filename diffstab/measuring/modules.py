"""Finds the network in what the user gave: a module, its method, a partial, or a function that closes over modules.

A network must be in evaluation mode while it is measured, and restored afterwards, however it is wrapped. So modules
are searched in a function's closure, its defaults, the global names that its code reads, a partial's arguments and an
object's attributes.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from inspect import getattr_static
from types import FunctionType, MethodType
from typing import Any

from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook

DEPTH = 4  # levels of functions within functions that are searched


def network_in(model: Any) -> Any:
    """Returns the module if `model` only calls it, otherwise `model`.

    Raises:
        TypeError: If `model` is a class of networks, or can't be called.

    >>> module = nn.Flatten()
    >>> network_in(module.forward) is module, network_in(partial(module)) is module
    (True, True)
    """
    if isinstance(model, type):
        raise TypeError(f"model is the class {model.__name__}; hand over a network of it, {model.__name__}(...)")
    if not callable(model):
        raise TypeError(f"model is a {type(model).__name__}; a callable from [B, C, H, W] to [B, ...] is needed")
    if isinstance(model, partial) and not (model.args or model.keywords):
        return network_in(model.func)
    if isinstance(model, MethodType) and model.__name__ in ("forward", "__call__", "_call_impl", "_wrapped_call_impl"):
        return network_in(model.__self__) if isinstance(model.__self__, nn.Module) else model
    return model


def plain(model: Any) -> Any:
    """Returns the network inside `torch.compile`, `DataParallel` or `DistributedDataParallel`.

    >>> module = nn.Flatten()
    >>> plain(nn.DataParallel(module)) is module
    True
    """
    inner = getattr(model, "_orig_mod", None)
    if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
        inner = model.module
    return model if inner is None else plain(inner)


def modules_in(model: Any) -> list[nn.Module]:
    """Returns every module that a network holds, itself first, each once."""
    roots = dict.fromkeys(_roots(network_in(model), DEPTH))
    return list(dict.fromkeys(module for root in roots for module in root.modules()))


def _roots(model: Any, depth: int) -> Iterator[nn.Module]:
    if isinstance(model, nn.Module):
        yield model
    elif depth:
        for one in _within(model):
            yield from _roots(one, depth - 1)


def _within(model: Any) -> Iterator[Any]:
    """Yields the objects that a callable can reach by name."""
    if isinstance(model, partial):
        yield from (model.func, *model.args, *model.keywords.values())
    elif isinstance(model, MethodType):
        yield from (model.__self__, model.__func__)
    elif isinstance(model, FunctionType):
        yield from _contents(model)
        yield from (*(model.__defaults__ or ()), *(model.__kwdefaults__ or {}).values())
        named = (model.__globals__.get(name) for name in model.__code__.co_names)
        yield from (one for one in named if isinstance(one, nn.Module) or _is_beside(one, model))
    elif isinstance(model, (list, tuple)):
        yield from model
    elif isinstance(model, dict):
        yield from model.values()
    elif type(model).__module__ != "builtins" and not isinstance(model, type):
        yield from getattr(model, "__dict__", {}).values()
        yield getattr_static(type(model), "__call__", None)


def _is_beside(one: Any, function: FunctionType) -> bool:
    """Returns True for a function of the same file: functions of libraries are no part of the network."""
    return isinstance(one, FunctionType) and one.__module__ == function.__module__


def _contents(function: FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # a name that is not bound yet
            continue


def is_compiled(model: Any) -> bool:
    """Returns True if torch.compile made a part of the network, which hides the modules that run inside."""
    compiled = any(hasattr(one, "_orig_mod") or getattr(one, "_compiled_call_impl", None) for one in modules_in(model))
    return compiled or hasattr(model, "_torchdynamo_orig_callable")


@contextmanager
def finding_hidden(model: Any) -> Iterator[None]:
    """Refuses, inside the context, a module that runs but that `modules_in` missed, if it could change the numbers.

    Raises:
        ValueError: If the module is in training mode and has parameters or buffers, or has dropout; or if the network
            holds it without registering it, so that the hash of the weights leaves it out.
    """
    thread = threading.get_ident()  # the hook is also called for modules that other threads run
    known, rooted = {id(module) for module in modules_in(model)}, isinstance(model, nn.Module)

    def look(module: nn.Module, inputs: Any) -> None:
        if threading.get_ident() != thread or id(module) in known or getattr(module, "_is_replica", False):
            return
        known.update(id(one) for one in module.modules())
        held = any(True for _ in (*module.parameters(), *module.buffers()))
        dropping = any("Drop" in type(one).__name__ and one.training for one in module.modules())
        if dropping or (held and (rooted or any(one.training for one in module.modules()))):
            raise HiddenModuleError(type(module).__name__)

    try:
        with nullcontext() if is_compiled(model) else register_module_forward_pre_hook(look):
            yield
    except HiddenModuleError as error:
        if rooted:
            raise ValueError(
                f"a {error} runs that is not registered in the network, so its weights and mode would be missed; put "
                "it in an nn.ModuleList, or give it a name of its own"
            ) from error
        raise ValueError(
            f"a {error} runs in training mode that can't be found in what was handed over; hand over the network itself"
        ) from error


class HiddenModuleError(Exception):
    """A module runs that was not found; the message is the name of its class."""
