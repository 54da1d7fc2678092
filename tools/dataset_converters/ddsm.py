"""Convert the original DDSM (University of South Florida)."""
from mammo_plugins.cli.conversion import main
from mammo_plugins.converters.ddsm import DDSMConverter

EXAMPLE = 'python tools/dataset_converters/ddsm.py /data/DDSM/cases --out data/ddsm'

if __name__ == '__main__':
    main(DDSMConverter(), __doc__, EXAMPLE)
