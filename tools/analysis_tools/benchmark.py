"""What reading an exam with three views at a time costs, beside one at a time."""
from mammo_cli.main import tool

if __name__ == '__main__':
    tool('benchmark')
