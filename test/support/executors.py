"""An executor without threads: what is handed over is done at once, having been sent through pickle as elsewhere."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any


class InThisThread(Executor):
    """Does everything where it is asked for; what cannot be sent to another process fails here too."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Do ``fn`` now."""
        future: Future[Any] = Future()
        sent, its_args, its_kwargs = pickle.loads(pickle.dumps((fn, args, kwargs)))  # noqa: S301
        future.set_result(sent(*its_args, **its_kwargs))
        return future
