"""Put all wheels that a machine without a network needs into one folder."""
import runpy
from pathlib import Path

# by its file: the package above it needs what is not here perhaps
MODULE = Path(__file__).resolve().parents[2] / 'mammo_plugins/wheelhouse.py'

if __name__ == '__main__':
    runpy.run_path(str(MODULE))['main'](command='python tools/misc/wheelhouse.py')
