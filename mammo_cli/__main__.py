"""``python -m mammo_cli``."""

from mammo_cli.main import main

if __name__ == '__main__':
    main()
