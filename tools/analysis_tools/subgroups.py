"""Break down test results by density, age, vendor, lesion size or any column."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('subgroups')
