"""A script that runs a command on a terminal of its own.

It types its stdin, copies the screen to stdout, and exits with the command's code. The first line
on stderr is the process id of the command.
"""

import os
import pty
import select
import sys


def main(command: list[str]) -> int:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(command[0], command)
    print(pid, file=sys.stderr, flush=True)
    keyboard = [0]
    while True:
        ready, _, _ = select.select([terminal, *keyboard], [], [])
        if 0 in ready and not _copy(0, terminal):
            keyboard = []
        if terminal in ready and not _copy(terminal, 1):
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _copy(here: int, there: int) -> int:
    try:
        data = os.read(here, 65536)
    except OSError:  # how Linux says that nobody has the terminal open any more
        return 0
    os.write(there, data)
    return len(data)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
