"""Convert CDD-CESM to the COCO-exam format."""
from mammo_plugins.cli.conversion import main
from mammo_plugins.converters.cdd_cesm import CDDCESMConverter

EXAMPLE = ('python tools/dataset_converters/cdd_cesm.py downloads/CDD-CESM '
           '--out data/cdd_cesm')

if __name__ == '__main__':
    main(CDDCESMConverter(), __doc__, EXAMPLE)
