"""``torch.distributed.run`` with the exit status of our other commands.

When it is stopped, or when a process fails, torchrun prints its own tracebacks and
exits with status 1. This module exits with the status of the signal, or of the process
that failed first.
"""

import os
import signal
import sys

from torch.distributed.elastic.multiprocessing import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.run import parse_args, run

from mammo_plugins.stopping import PARENT


def main() -> None:
    """Launch the processes."""
    # jobs that a script starts with & ignore it, and so would their processes
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ[PARENT] = str(os.getpid())
    try:
        run(parse_args(sys.argv[1:]))
    except SignalException as stop:
        sys.exit(128 + stop.sigval)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        print(
            f'process {rank} ended with status {failure.exitcode}; the reason is above',
            file=sys.stderr,
        )
        sys.exit(failure.exitcode if failure.exitcode > 0 else 128 - failure.exitcode)


if __name__ == '__main__':
    main()
