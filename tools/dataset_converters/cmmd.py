"""Convert CMMD to the COCO-exam format."""
from mammo_plugins.converters.cmmd import CMMDConverter
from mammo_plugins.converters.command_line import main

EXAMPLE = ('python tools/dataset_converters/cmmd.py downloads/CMMD '
           '--out data/cmmd')

if __name__ == '__main__':
    main(CMMDConverter(), __doc__, EXAMPLE)
