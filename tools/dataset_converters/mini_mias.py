"""Convert mini-MIAS to the COCO-exam format."""
from mammo_plugins.cli.conversion import main
from mammo_plugins.converters.mini_mias import MiniMIASConverter

EXAMPLE = ('python tools/dataset_converters/mini_mias.py downloads/all-mias '
           '--out data/mini_mias')

if __name__ == '__main__':
    main(MiniMIASConverter(), __doc__, EXAMPLE)
