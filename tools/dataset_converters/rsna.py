"""Convert RSNA Screening Mammography (Kaggle 2022) to the COCO-exam format."""
from mammo_plugins.cli.conversion import main
from mammo_plugins.converters.rsna import RSNAConverter

EXAMPLE = ('python tools/dataset_converters/rsna.py '
           'downloads/rsna-breast-cancer-detection --out data/rsna')

if __name__ == '__main__':
    main(RSNAConverter(), __doc__, EXAMPLE)
