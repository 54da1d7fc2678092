"""The main job, end to end, on phantom exams: `make demo`."""
from mammo_cli.main import tool

if __name__ == '__main__':
    tool('demo')
