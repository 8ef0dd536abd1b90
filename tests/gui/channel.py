"""Runs in Blender (`--python`): answers questions about its data, on a socket beside this file.

A question is Python: an expression, answered with its value as JSON, or statements, answered with null.
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
_server.bind(str(Path(__file__).with_name("channel")))
_server.listen()
_server.setblocking(False)
_names = {"bpy": bpy}


def _answer(question: str) -> object:
    window = bpy.context.window_manager.windows[0]
    with bpy.context.temp_override(window=window):
        try:
            code = compile(question, "question", "eval")
        except SyntaxError:
            return exec(question, _names)
        return eval(code, _names)


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
