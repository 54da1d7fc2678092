"""Code in interpreters that have imported nothing of OpenMMLab nor of ours.

They are forked from one that has what lies below, which takes seconds to import.
"""

import atexit
import functools
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from forked_tools import ROOT, Ended

SERVER = """
import json, os, sys, traceback
import numpy, cv2, torch, torchvision, torchvision.transforms, matplotlib.pyplot
import scipy.ndimage, pycocotools.mask, shapely.geometry
import skimage.measure, unittest.mock, torch.distributed.optim
for line in sys.stdin:
    task = json.loads(line)
    child = os.fork()
    if child:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(status, flush=True)
        continue
    for number, name in ((1, 'out'), (2, 'err')):
        os.dup2(os.open(task[name], os.O_WRONLY | os.O_CREAT), number)
    os.chdir(task['cwd'])
    sys.path[:0] = task['path']
    status = 0
    try:
        exec(task['code'], dict(__name__='__main__'))
    except SystemExit as end:
        status = end.code or 0
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    os._exit(status)
"""


@functools.cache
def _server() -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, '-W', 'ignore', '-c', SERVER],
        cwd=ROOT,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    atexit.register(process.communicate)
    return process


def fresh_python(
    folder: Path, code: str, path: Sequence[Path] = (), cwd: Path = ROOT
) -> Ended:
    """Run code and wait for its end.

    Args:
        folder (Path): For what it prints.
        code (str): Of Python.
        path (Sequence[Path]): Folders at the head of ``sys.path``.
        cwd (Path): Where it runs. Defaults to the repository's root.
    """
    out, err = (folder / f'printed.{name}' for name in ('out', 'err'))
    for file in (out, err):
        file.write_text('')
    server = _server()
    task = dict(
        code=code, path=[*map(str, path)], cwd=str(cwd), out=str(out), err=str(err)
    )
    print(json.dumps(task), file=server.stdin, flush=True)
    return Ended(int(server.stdout.readline()), out.read_text(), err.read_text())
