"""Runs in Blender (`--python`): answers questions about its data, on a socket beside this file.

A question is Python: {"ask": an expression}, answered with its value, or {"do": statements}.
It is answered between two events, by a timer, and so sees what the last click has done.
"""

import json
import socket
import traceback
from pathlib import Path

import bpy

bpy.context.preferences.view.show_splash = False
# Dialogs in Blender's own window.
bpy.context.preferences.view.filebrowser_display_type = "SCREEN"

_server = socket.socket(socket.AF_UNIX)
_place = Path(__file__).with_name("channel")
_server.bind(f"{_place}.new")
_server.listen()
_server.setblocking(False)
Path(f"{_place}.new").rename(_place)  # who finds it is heard
_names = {"bpy": bpy}


def _answer(question: dict[str, str]) -> object:
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
        if "do" in question:
            return exec(question["do"], _names)
        return eval(question["ask"], _names)


def _listen() -> float:
    try:
        connection, _ = _server.accept()
    except BlockingIOError:
        return 0.05
    with connection:
        connection.setblocking(True)
        with connection.makefile("rw", encoding="utf-8") as stream:
            question = json.loads(stream.readline())
            try:
                reply = {"answer": _answer(question)}
                text = json.dumps(reply)
            except Exception:
                text = json.dumps({"error": traceback.format_exc()})
            stream.write(text + "\n")
    return 0.0


bpy.app.timers.register(_listen, persistent=True)
