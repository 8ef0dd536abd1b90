"""Run a module, and end at once when stdin ends: whoever started this is gone (killed, or out of power).

Run as a script by the environment's Python: child.py MODULE ARGUMENTS…
"""

import os
import runpy
import signal
import sys
import threading


def _watch() -> None:
    while os.read(0, 1024):
        pass
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)  # with whatever this has started
    os._exit(1)


threading.Thread(target=_watch, daemon=True).start()
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
