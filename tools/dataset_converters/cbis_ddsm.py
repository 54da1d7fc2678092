"""Convert CBIS-DDSM to the COCO-exam format."""
from mammo_plugins.cli.conversion import main
from mammo_plugins.converters.cbis_ddsm import CBISDDSMConverter

EXAMPLE = ('python tools/dataset_converters/cbis_ddsm.py downloads/cbis-ddsm '
           '--out data/cbis_ddsm')

if __name__ == '__main__':
    main(CBISDDSMConverter(), __doc__, EXAMPLE)
