"""A root, a process tree, a network and a memory of its own for a forecaster's process.

Linux gives each of them to an ordinary user through a user namespace, where the system's
administrator allows that. In its new root a process finds what it may read, mounted read-only, and
two folders in memory that it may write, each no larger than its budget. Everything else, the run's
directory, the sockets of other programs and the other processes among it, does not exist there.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import socket
import stat
import struct
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

__all__ = [
    "NAMESPACES",
    "WRITABLE",
    "build_root",
    "drop_capabilities",
    "forget_keys",
    "forget_the_rest",
    "unshare",
]

NAMESPACES = "user, pid, mount, ipc and net namespaces"

WRITABLE = ("/tmp", "/dev/shm")
"""The folders that a process may write in its own root."""

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER = 0x00020000, 0x08000000, 0x10000000
CLONE_NEWPID, CLONE_NEWNET = 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2
AT_FDCWD, AT_RECURSIVE = -100, 0x8000
MOUNT_SETATTR = 442
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}.get(platform.machine(), -1)
KEYCTL = {"x86_64": 250, "aarch64": 219}.get(platform.machine(), -1)
JOIN_SESSION_KEYRING = 1
PR_SET_DUMPABLE, PR_CAPBSET_DROP = 4, 24
CAPABILITY_VERSION, CAPABILITIES = 0x20080522, 64
SIOCSIFFLAGS, IFF_UP = 0x8914, 1

OF_THE_KERNEL = ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs")
"""What of /proc changes the machine; nobody writes it in a root of their own."""

FILES_A_MIB = 64
"""Names that a writable folder may hold for each MiB: an empty file takes memory too."""

SKELETON = "size=16m,mode=755"
"""Of the file system that holds nothing but the places where others are mounted."""


def _call(name: str, *arguments: object) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments) < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def _mount(source: str, place: str, kind: str, flags: int, options: str = "") -> None:
    texts = [text.encode() if text else None for text in (source, place, kind, options)]
    _call("mount", texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3])


def unshare() -> None:
    """Leave the namespaces of the harness; the next child is the first process of new ones.

    Raises:
        OSError: the system does not allow it, or has none.

    """
    if sys.platform != "linux" or PIVOT_ROOT < 0:
        raise OSError("there are no namespaces here")
    user, group = os.getuid(), os.getgid()
    every = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET
    _call("unshare", every)
    Path("/proc/self/setgroups").write_text("deny")
    # only a user 0 of the namespace may write the limits of its memory, see `forget_the_rest`
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")


def build_root(
    place: str, reading: Iterable[str], devices: Iterable[str], hidden: Iterable[str], mib: float
) -> None:
    """Make a new root at an empty folder and move there, as the first process of its namespace.

    Args:
        place: the folder.
        reading: files and folders that are seen there, read-only.
        devices: files and folders below ``/dev`` that are seen there.
        hidden: files and folders that are empty there, even inside of `reading`.
        mib: what each of the writable folders may hold.

    Raises:
        OSError: the system does not allow it.

    """
    _mount("none", "/", "", MS_REC | MS_PRIVATE)
    _mount("tmpfs", place, "tmpfs", MS_NOSUID | MS_NODEV, SKELETON)
    for folder in WRITABLE:
        os.makedirs(place + folder)
        most = max(1, int(mib)) if mib < 2**40 else 0
        bounds = f"size={most}m,nr_inodes={FILES_A_MIB * most}," if most else ""
        _mount("tmpfs", place + folder, "tmpfs", MS_NOSUID | MS_NODEV, f"{bounds}mode=1777")
    hidden = [os.path.realpath(path) for path in hidden]
    wanted = sorted({*reading, *map(os.path.realpath, reading)})
    _show_all([path for path in wanted if not _inside(path, hidden)], place)
    for path in devices:
        if not _inside(path, WRITABLE):
            _show(path, place, read_only=False)
    for name, target in (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(f"/proc/self/{target}", f"{place}/dev/{name}")
    for path in hidden:
        if os.path.isdir(place + path):
            _mount("tmpfs", place + path, "tmpfs", MS_NOSUID | MS_NODEV, SKELETON)
        elif os.path.exists(place + path):
            _mount("/dev/null", place + path, "", MS_BIND)
    _show_all([path for path in wanted if _inside(path, hidden)], place)  # a plugin's own files
    os.mkdir(f"{place}/proc")
    _mount("proc", f"{place}/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    os.chdir(place)
    if ctypes.CDLL(None, use_errno=True).syscall(PIVOT_ROOT, b".", b".") < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"pivot_root: {os.strerror(code)}")
    _call("umount2", b".", MNT_DETACH)
    os.chdir(WRITABLE[0])


def forget_the_rest() -> None:
    """Close the ways to keep memory where nobody counts it, and open the loopback interface."""
    for name, value in (("kernel/shmall", "0"), ("user/max_user_namespaces", "0")):
        Path(f"/proc/sys/{name}").write_text(value)
    for path in OF_THE_KERNEL:
        if os.path.exists(path):  # root could write there without any privilege
            _mount(path, path, "", MS_BIND | MS_REC)
            _make_read_only(path)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP))


def drop_capabilities() -> None:
    """Give up every privilege, root's too, and stay readable for the harness."""
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None, use_errno=True)
    for number in range(CAPABILITIES):
        library.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)
    header, none = struct.pack("=Ii", CAPABILITY_VERSION, 0), struct.pack("=6I", *[0] * 6)
    _call("capset", header, none)
    _call("prctl", PR_SET_DUMPABLE, 1, 0, 0, 0)


def forget_keys() -> None:
    """Leave the harness's session keyring, in which a key would outlive the cell that added it."""
    if sys.platform == "linux" and KEYCTL > 0:
        ctypes.CDLL(None).syscall(KEYCTL, JOIN_SESSION_KEYRING, None)


def _inside(path: str, folders: Sequence[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def _show_all(paths: Iterable[str], place: str) -> None:
    """Make paths of the old root visible below `place`, but not twice what is inside another."""
    seen: list[str] = []
    for path in paths:
        if path != "/proc" and not path.startswith("/dev/") and not _inside(path, seen):
            seen += [path] if _show(path, place) else []


def _show(path: str, place: str, *, read_only: bool = True) -> bool:
    """Make a path of the old root visible at the same path below `place`, if it exists."""
    target = place + path
    try:
        mode = os.lstat(path).st_mode
        if os.path.lexists(target):
            return True
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if stat.S_ISLNK(mode):
            os.symlink(os.readlink(path), target)
            return False  # what it points to is listed too
        if stat.S_ISDIR(mode):
            os.mkdir(target)
        else:
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
        _mount(path, target, "", MS_BIND | MS_REC)
    except OSError:  # it does not exist, or is not ours to read
        return False
    if read_only:
        _make_read_only(target)
    return True


def _make_read_only(place: str) -> None:
    attributes = struct.pack("=4Q", MS_RDONLY | MS_NOSUID, 0, 0, 0)
    library = ctypes.CDLL(None, use_errno=True)
    arguments = AT_FDCWD, place.encode(), AT_RECURSIVE, attributes, ctypes.c_size_t(32)
    if library.syscall(MOUNT_SETATTR, *arguments) < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"mount_setattr: {os.strerror(code)}")
