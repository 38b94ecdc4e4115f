"""Start a program so that it ends with its parent; run as a script, never imported.

``python -I -S childexec.py PARENT SIGNAL USERNS -- program arguments…``

Postgres refuses to run as root, so with USERNS = yes the program gets a user namespace in
which root appears as an ordinary user. SIGNAL is sent by the kernel when PARENT dies.
"""

import ctypes
import os
import signal
import sys

# Exit status by which the child tells that the kernel allows no user namespace.
NO_USER_NAMESPACE = 77
CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
# The user's number inside the namespace: any but root's.
INSIDE = 1000


def call(libc: ctypes.CDLL, name: str, *arguments: int) -> None:
    """Call a function of the C library; raise what it reports."""
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def put(path: str, text: str) -> None:
    """Write one of the kernel's small files."""
    handle = os.open(path, os.O_WRONLY)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)


def enter_user_namespace(libc: ctypes.CDLL) -> None:
    """Become an ordinary user, seen from inside."""
    user, group = os.geteuid(), os.getegid()
    call(libc, "unshare", CLONE_NEWUSER)
    put("/proc/self/setgroups", "deny")
    put("/proc/self/uid_map", f"{INSIDE} {user} 1")
    put("/proc/self/gid_map", f"{INSIDE} {group} 1")


def main(arguments: list[str]) -> int:
    """Prepare this process, then become the program."""
    parent, name, namespace, _, *program = arguments
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if namespace == "yes":
            try:
                enter_user_namespace(libc)
            except OSError as error:
                print(f"no user namespace: {error}", file=sys.stderr)
                return NO_USER_NAMESPACE
        call(libc, "prctl", PR_SET_PDEATHSIG, int(getattr(signal, name)), 0, 0, 0)
        if os.getppid() != int(parent):
            return 1
    os.execv(program[0], program)  # noqa: S606  (no shell is the point)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
