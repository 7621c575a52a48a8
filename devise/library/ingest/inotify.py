"""Whether Linux watches one more folder for us: at its limit, folders are left out without a word."""

from __future__ import annotations

import ctypes
import errno
import os
import sys

IN_CREATE = 0x100  # <sys/inotify.h>


def has_room(folder: str) -> bool:
    """Whether a watch of a folder can be had now. True on other systems, and where another reason forbids it."""
    if sys.platform != "linux":
        return True
    libc = ctypes.CDLL(None, use_errno=True)
    handle = libc.inotify_init1(os.O_CLOEXEC)
    if handle < 0:
        return True
    try:
        is_watched = libc.inotify_add_watch(handle, os.fsencode(folder), IN_CREATE) >= 0
        return bool(is_watched or ctypes.get_errno() != errno.ENOSPC)
    finally:
        os.close(handle)
