"""Convert CMMD to the COCO-exam format."""
from mammo_plugins.cli.conversion import main
from mammo_plugins.converters.cmmd import CMMDConverter

EXAMPLE = ('python tools/dataset_converters/cmmd.py downloads/CMMD '
           '--out data/cmmd')

if __name__ == '__main__':
    main(CMMDConverter(), __doc__, EXAMPLE)
