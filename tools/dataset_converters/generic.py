"""Convert your own mammograms to the COCO-exam format."""
from mammo_plugins.cli.conversion import main
from mammo_plugins.converters.generic import GenericConverter

EXAMPLE = ('python tools/dataset_converters/generic.py downloads/mine '
           '--out data/mine --table downloads/mine/views.csv')

if __name__ == '__main__':
    main(GenericConverter(), __doc__, EXAMPLE)
