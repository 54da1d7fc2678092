"""Convert VinDr-Mammo to the COCO-exam format."""
from mammo_plugins.cli.conversion import main
from mammo_plugins.converters.vindr_mammo import VinDrMammoConverter

EXAMPLE = ('python tools/dataset_converters/vindr_mammo.py '
           'downloads/vindr-mammo/1.0.0 --out data/vindr_mammo')

if __name__ == '__main__':
    main(VinDrMammoConverter(), __doc__, EXAMPLE)
