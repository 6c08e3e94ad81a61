"""Makes SIGUSR1 hang a program's event loop: the handler runs in the loop's thread and never comes back."""

import signal
import time
from types import FrameType

FOR_EVER_S = 86_400


def hang(_number: int, _frame: FrameType | None) -> None:
    """Keep the main thread busy with nothing; other threads go on."""
    time.sleep(FOR_EVER_S)


signal.signal(signal.SIGUSR1, hang)
