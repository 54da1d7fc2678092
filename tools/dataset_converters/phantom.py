"""Create the phantom data set: simulated four-view mammography exams."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('phantom')
