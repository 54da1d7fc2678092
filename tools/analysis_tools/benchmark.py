"""Time the detection of an exam with three views at a time and with one."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('benchmark')
