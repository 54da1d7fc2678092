"""Make phantom exams, train, evaluate and infer: the main job, end to end."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('demo')
