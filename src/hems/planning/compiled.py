"""The kernel, compiled where numba is installed (extra `fast`), else as it is: same source, same answers.

Compiling costs 150 MB of memory and seconds at the first use: it is for backtests and fleets, never for the service.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from hems.planning import kernel, kernel_modes, kernel_origin, kernel_rolling


class Kernel:
    """The functions of the kernel modules, plain or compiled, under their own names."""

    def __init__(self, *parts: ModuleType, is_compiled: bool) -> None:
        self.is_compiled = is_compiled
        self._parts = parts

    def __getattr__(self, name: str) -> Any:
        for part in self._parts:
            if name in vars(part):
                value = vars(part)[name]
                setattr(self, name, value)  # found once
                return value
        raise AttributeError(name)

    def functions(self) -> Iterator[tuple[str, Any]]:
        """Yield the compiled functions by name."""
        for part in self._parts:
            yield from ((name, value) for name, value in vars(part).items() if hasattr(value, "py_func"))


_SOURCES = (kernel, kernel_modes, kernel_origin, kernel_rolling)

PLAIN = Kernel(*_SOURCES, is_compiled=False)
"""The kernel as the service runs it."""


@cache
def fastest_kernel() -> Kernel:
    """Return the compiled kernel, or the plain one where numba is not installed."""
    if importlib.util.find_spec("numba") is None:
        return PLAIN
    jitted: dict[str, Any] = {}
    return Kernel(*(_compiled_part(source, jitted) for source in _SOURCES), is_compiled=True)


@cache
def batch_kernel(source: ModuleType, threaded: tuple[str, ...] = ()) -> Kernel:
    """Return the functions of ``source``, which calls the kernel's, compiled with them; plain without numba.

    The functions named in ``threaded`` run their ``prange`` on all of numba's threads, and may not be called from two
    threads at once. The same source, too: ``source.prange`` is `range` where nothing is compiled.
    """
    kernels = fastest_kernel()
    if not kernels.is_compiled:
        return Kernel(source, is_compiled=False)
    return Kernel(_compiled_part(source, dict(kernels.functions()), threaded), is_compiled=True)


def _compiled_part(source: ModuleType, jitted: dict[str, Any], threaded: tuple[str, ...] = ()) -> ModuleType:
    """Return a copy of ``source`` whose functions are compiled and call those in ``jitted``, and add them there."""
    import numba

    part = _second_copy(source)
    if threaded:
        vars(part)["prange"] = numba.prange
    # numba's cache notices a change of a function's own file alone, but compiles in what other files say. So a cache
    # belongs to the content of all of them: after an update nothing old is run.
    digest = hashlib.sha256(b"".join(_content(each) for each in (*_SOURCES, source))).hexdigest()[:16]
    folder = str(Path(source.__file__ or "").parent / "__pycache__" / f"compiled-{digest}")
    settings: Any = numba.config
    before, settings.CACHE_DIR = settings.CACHE_DIR, folder
    try:
        for name, function in inspect.getmembers(part, inspect.isfunction):
            if name in jitted:
                setattr(part, name, jitted[name])
            elif function.__module__ == part.__name__:
                make = numba.njit(cache=True, nogil=True, error_model="numpy", parallel=name in threaded)
                jitted[name] = make(function)
                setattr(part, name, jitted[name])
    finally:
        settings.CACHE_DIR = before
    return part


def _content(module: ModuleType) -> bytes:
    return Path(module.__file__ or "").read_bytes()


def _second_copy(module: ModuleType) -> ModuleType:
    """Return ``module`` executed once more: its functions see compiled neighbours, the plain ones stay as they are."""
    spec = importlib.util.spec_from_file_location(f"{module.__name__}_compiled", module.__file__)
    if spec is None or spec.loader is None:
        raise ImportError(f"the source of {module.__name__} cannot be found")
    copy = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = copy  # numba's cache on disk finds the functions again by the name of their module
    spec.loader.exec_module(copy)
    return copy
