"""Convert INbreast (DICOM, XML regions, INbreast.xls) to the COCO-exam format."""
from mammo_plugins.cli.conversion import main
from mammo_plugins.converters.inbreast import INbreastConverter

EXAMPLE = ('python tools/dataset_converters/inbreast.py '
           '"downloads/INbreast Release 1.0" --out data/inbreast')

if __name__ == '__main__':
    main(INbreastConverter(), __doc__, EXAMPLE)
