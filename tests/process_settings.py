"""What makes the processes of the suite faster, and those that they start."""

import ctypes
import os
import sys

# two workers share two cores: one thread each is fastest
os.environ.setdefault('OMP_NUM_THREADS', '1')
# sources are compiled once, not by each process that a test starts
sys.dont_write_bytecode = False
os.environ.pop('PYTHONDONTWRITEBYTECODE', None)
# glibc gives large blocks back at once, and the kernel clears them anew for the next
# tensor, a sixth of the time of a training on a CPU: keep them
KEPT = 2**30
# M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h
for number, name in ((-1, 'MALLOC_TRIM_THRESHOLD_'), (-3, 'MALLOC_MMAP_THRESHOLD_')):
    os.environ.setdefault(name, str(KEPT))
    if hasattr(ctypes.CDLL(None), 'mallopt'):
        ctypes.CDLL(None).mallopt(number, KEPT)
