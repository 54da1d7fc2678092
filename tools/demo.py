"""Run the main workflow end to end: phantom exams, training, evaluation, inference."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('demo')
