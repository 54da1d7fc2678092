"""Make the phantom data set: simulated four-view mammography exams."""
from mammo_plugins.cli.phantom import main

if __name__ == '__main__':
    main()
