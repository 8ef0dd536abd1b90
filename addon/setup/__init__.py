"""Set-up of the backend's own Python environment. No bpy and nothing but the standard library.

The add-on runs it as a child process (`python -m addon.setup --events …`) and so does the Makefile, in a
terminal. It needs no other package of the extension, so that it works before anything is installed.

    variants      which build of torch, and the requirement sets
    system        paths and processes: all that differs between Linux, macOS and Windows
    environment   what is on disk: the record of a set-up, its lock, its removal
    plan          what to set up, where, and from what
    progress      how far it is
    pip           one run of pip: cancel, errors in plain words
    packages      the virtual environment and what goes into it
    machine       the states, one after the other
"""
