"""Write the network's inputs for a config's data as pictures."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('browse')
