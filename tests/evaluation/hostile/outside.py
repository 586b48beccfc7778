"""Ways out of the process: to other processes, files, sockets and the machine."""

from __future__ import annotations

import ctypes
import glob
import os
import pathlib
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from honest import Tries, call

import chaosbench

PTRACE_ATTACH, PTRACE_SEIZE = 16, 0x4206


class Secrets(Tries):
    """Looks for a secret in its environment and in those of others."""

    def ways(self):
        def others():
            own = f"/proc/{os.getpid()}/environ"
            paths = [path for path in glob.glob("/proc/[0-9]*/environ") if path != own]
            return any(b"hostile-secret" in Path(path).read_bytes() for path in paths)

        return {
            "own": lambda: "hostile-secret" in " ".join(os.environ.values()),
            "at start": lambda: b"hostile-secret" in Path("/proc/self/environ").read_bytes(),
            "others": others,
            "harness": lambda: Path(f"/proc/{self.harness}/environ").read_bytes(),
        }


class Connects(Tries):
    """Reaches servers of the machine and of the world."""

    def ways(self):
        def tcp(host, port):
            return lambda: socket.create_connection((host, port), timeout=0.5)

        def unix(address):
            return lambda: socket.socket(socket.AF_UNIX).connect(address) is None

        def datagram():
            held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            return held.sendto(b"x", ("192.0.2.1", 53))

        return {
            "tcp": tcp("127.0.0.1", self.port), "tcp 6": tcp("::1", self.port),
            "a path": unix(f"{self.place}.socket"),
            "a short path": unix(os.path.relpath(f"{self.place}.socket")),
            "an abstract name": unix(f"\0{self.place}"),
            "a datagram": datagram,
        }  # fmt: skip


class ReadsMemory(Tries):
    """Reads and writes the memory of the harness and of its ancestors."""

    def ways(self):
        def mem(pid):
            return lambda: os.open(f"/proc/{pid}/mem", os.O_RDWR) > 0

        def trace(pid):
            return lambda: call("ptrace", PTRACE_ATTACH, pid, 0, 0) == 0

        def seize(pid):
            return lambda: call("ptrace", PTRACE_SEIZE, pid, 0, 0) == 0

        def read(pid):
            def way():
                buffer = ctypes.create_string_buffer(8)
                here = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 8)
                there = (ctypes.c_size_t * 2)(id(None), 8)
                return call("process_vm_readv", pid, here, 1, there, 1, 0)

            return way

        def descriptor(pid):
            def way():
                fd = os.pidfd_open(pid)
                return call("syscall", 438, fd, 0, 0) >= 0  # pidfd_getfd

            return way

        found = {}
        for name, pid in (("harness", self.harness), ("parent", os.getppid())):
            found |= {
                f"{name}'s mem": mem(pid), f"{name} traced": trace(pid),
                f"{name} seized": seize(pid), f"{name} read": read(pid),
                f"{name}'s descriptor": descriptor(pid),
            }  # fmt: skip
        return found


class ReadsFiles(Tries):
    """Reads the run, the data, the user's keys and what else is not its business."""

    def ways(self):
        truth = f"{self.place}/run/data/forecast-henon-v1"

        def read(path):
            return lambda: Path(path).read_bytes()

        def list_(path):
            return lambda: os.listdir(path)

        def opened():
            return ctypes.CDLL(None).open(f"{truth}/_manifest.json".encode(), 0) >= 0

        def linked():
            os.symlink(truth, "hostile-link")
            return os.listdir("hostile-link")

        def hard_linked():
            os.link(f"{truth}/_manifest.json", "hostile-hard")
            return True

        def child():
            told = subprocess.run(["/bin/cat", f"{truth}/_manifest.json"], capture_output=True)
            return told.returncode == 0 and bool(told.stdout)

        def handle():
            buffer = (ctypes.c_uint32 * 64)(128)
            mount = ctypes.c_int()
            path = f"{truth}/_manifest.json".encode()
            return call("name_to_handle_at", -100, path, buffer, ctypes.byref(mount), 0) == 0

        def by_handle():
            buffer = (ctypes.c_uint32 * 64)(128)
            mount = ctypes.c_int()
            path = f"{truth}/_manifest.json".encode()
            call("name_to_handle_at", -100, path, buffer, ctypes.byref(mount), 0)
            place = os.open(".", os.O_RDONLY)  # on the same mount, or another may do as well
            return os.read(call("open_by_handle_at", place, buffer, os.O_RDONLY), 8)

        def non_empty(path):
            return lambda: os.listdir(path) or None

        return {
            "manifest": read(f"{truth}/_manifest.json"), "records": non_empty(f"{self.place}/run"),
            "data": non_empty(truth), "opened in C": opened, "a link": linked,
            "a hard link": hard_linked, "a child": child, "a handle": handle,
            "opened by a handle": by_handle,
            "cache": non_empty(f"{self.place}/cache"), "keys": read(f"{self.place}/.ssh/id"),
            "by another root": list_(f"/proc/{self.harness}/root{self.place}"),
            "by its folder": list_(f"/proc/{self.harness}/cwd"),
            "by its parent": list_(f"/proc/{os.getppid()}/cwd/.."),
            "shadow": read("/etc/shadow") if os.getuid() else lambda: False,
            "kernel's memory": lambda: open("/proc/kcore", "rb").read(8),
            "kernel's words": lambda: call("klogctl", 3, ctypes.create_string_buffer(99), 99) > 0,
            "terminal": lambda: os.open("/dev/tty", os.O_RDWR) >= 0,
        }  # fmt: skip


class WritesFiles(Tries):
    """Changes its own file, the package, the interpreter, the run and the machine."""

    def ways(self):
        def write(path):
            return lambda: os.open(path, os.O_WRONLY | os.O_APPEND) >= 0

        def make(folder):
            return lambda: Path(folder, "hostile-file").write_text("x")

        def rename():
            os.rename(__file__, f"{__file__}.old")
            return True

        def touch():
            os.utime(__file__)
            return True

        def mode(path):
            return lambda: os.chmod(path, os.stat(path).st_mode) is None

        def attribute():
            os.setxattr(__file__, "user.hostile", b"seen")
            os.removexattr(__file__, "user.hostile")
            return True

        home = os.path.dirname(chaosbench.__file__)
        return {
            "own file": write(__file__), "own folder": make(os.path.dirname(__file__)),
            "own name": rename, "package": write(f"{home}/metrics/__init__.py"),
            "package's folder": make(home), "site-packages": make(Path(np.__file__).parents[1]),
            "numpy": write(np.__file__), "interpreter": make(sys.prefix),
            "system": make("/etc"), "root": make("/"), "run": make(f"{self.place}/run"),
            "cache": make(f"{self.place}/cache"), "home": make(self.place),
            "core pattern": write("/proc/sys/kernel/core_pattern"),
            "own limits": write("/proc/self/oom_score_adj"),
            "namespaces": write("/proc/sys/user/max_user_namespaces"),
            "shared memory": write("/proc/sys/kernel/shmall"),
            "kernel": write("/sys/kernel/uevent_helper"),
            "cgroup": make("/sys/fs/cgroup"),
        } | {"times": touch, "mode": mode(__file__), "attribute": attribute}  # fmt: skip


class Mounts(Tries):
    """Makes another root, other namespaces, and undoes the hiding of what is hidden."""

    def ways(self):
        def unshare(kind):
            return lambda: call("unshare", kind) == 0

        def tool(*words):
            return lambda: subprocess.run(words, capture_output=True, timeout=5).returncode == 0

        return {
            "mount": lambda: call("mount", b"none", b"/tmp", b"tmpfs", 0, None) == 0,
            "bind": lambda: call("mount", b"/", b"/tmp", b"", 4096, None) == 0,
            "unmount": lambda: call("umount2", f"{self.place}/run".encode(), 2) == 0,
            "writable": lambda: call("mount", b"", b"/usr", b"", 32 | 4096, None) == 0,
            "chroot": lambda: os.chroot("/tmp") is None,
            "pivot": lambda: call("syscall", 155, b"/tmp", b"/tmp") == 0,
            "user namespace": lambda: call("unshare", 0x10000000) == 0 and _mounts(),
            "mount namespace": unshare(0x20000), "network": unshare(0x40000000),
            "pid namespace": unshare(0x20000000), "names": unshare(0x4000000),
            "enter": lambda: call("setns", os.open("/proc/1/ns/mnt", os.O_RDONLY), 0) == 0,
            "harness's": lambda: call(
                "setns", os.open(f"/proc/{self.harness}/ns/mnt", os.O_RDONLY), 0
            ) == 0,
            "tool": tool("unshare", "-Urm", "mount", "-t", "tmpfs", "none", "/tmp"),
            "bubblewrap": tool("bwrap", "--dev-bind", "/", "/", "--tmpfs", "/tmp", "true"),
            "root": tool("su", "root", "-s", "/bin/true") if os.getuid() else lambda: False,
        }  # fmt: skip


def _mounts():
    """Say whether a new namespace of users is worth anything."""
    call("unshare", 0x20000)
    return call("mount", b"none", b"/tmp", b"tmpfs", 0, None) == 0


class Machine(Tries):
    """Changes the machine: its name, its clock, its modules, its devices."""

    def ways(self):
        def now():
            time.clock_settime(time.CLOCK_REALTIME, -1.0)  # never valid, but refused first
            return True

        def node():
            os.mknod("hostile-node", 0o60666, os.makedev(8, 0))
            return True

        def raw():
            return socket.socket(socket.AF_PACKET, socket.SOCK_RAW)

        def memory():
            return os.open("/dev/mem", os.O_RDONLY) >= 0

        return {
            "name": lambda: socket.sethostname(socket.gethostname()) is None,
            "clock": now, "device": node, "memory": memory,
            "module": lambda: call("syscall", 175, b"x", 1, b"") >= 0,
            "program in the kernel": lambda: call("syscall", 321, 0, bytes(72), 72) >= 0,
            "counters": lambda: call("syscall", 298, bytes(112), -1, 0, -1, 0) >= 0,
            "owner": lambda: os.chown(".", 1, 1) is None,
            "user": lambda: os.setuid(1234) is None,
            "group": lambda: os.setgroups([0, 6]) is None,
            "privilege": lambda: _capabilities() != 0,
            "raw socket": raw,
        }  # fmt: skip


def _capabilities():
    told = pathlib.Path("/proc/self/status").read_text()
    words = [line.split()[1] for line in told.splitlines() if line.startswith(("CapEff", "CapPrm"))]
    return max(int(word, 16) for word in words)
