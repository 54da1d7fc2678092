"""Convert EMBED (open data) to the COCO-exam format."""
from mammo_plugins.cli.conversion import main
from mammo_plugins.converters.embed import EMBEDConverter

EXAMPLE = ('python tools/dataset_converters/embed.py downloads/embed '
           '--out data/embed')

if __name__ == '__main__':
    main(EMBEDConverter(), __doc__, EXAMPLE)
