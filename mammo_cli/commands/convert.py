"""Convert a public data set, or your own mammograms, to the COCO-exam format."""

import argparse
from pathlib import Path

from mammo_cli.conversion import DataSet


def _of_generic(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--table',
        type=Path,
        metavar='CSV_OR_XLSX',
        help='table of views and lesions; docs/how_to/datasets/generic.md lists '
        'its columns. If every view has a part, the parts are the official '
        'split; otherwise --split defaults to ratio. Without a table, all '
        'mammograms of the folder are converted without annotations',
    )
    parser.add_argument(
        '--group-by',
        choices=['study', 'folder'],
        default='study',
        help='how to group files into exams without a table: by DICOM study, or '
        'by folder if every study has a single file (default: %(default)s)',
    )


DATA_SETS = {
    'cbis-ddsm': DataSet(
        'cbis_ddsm.CBISDDSMConverter',
        'Convert CBIS-DDSM to the COCO-exam format.',
        '{command} downloads/cbis-ddsm --out data/cbis_ddsm',
        official_split=True,
    ),
    'cdd-cesm': DataSet(
        'cdd_cesm.CDDCESMConverter',
        'Convert CDD-CESM to the COCO-exam format.',
        '{command} downloads/CDD-CESM --out data/cdd_cesm',
        ratios=dict(train=0.7, val=0.2, test=0.1),
    ),
    'cmmd': DataSet(
        'cmmd.CMMDConverter',
        'Convert CMMD to the COCO-exam format.',
        '{command} downloads/CMMD --out data/cmmd',
        ratios=dict(train=0.85, val=0.0, test=0.15),
    ),
    'ddsm': DataSet(
        'ddsm.DDSMConverter',
        'Convert the original DDSM (University of South Florida).',
        '{command} /data/DDSM/cases --out data/ddsm',
    ),
    'embed': DataSet(
        'embed.EMBEDConverter',
        'Convert EMBED (open data) to the COCO-exam format.',
        '{command} downloads/embed --out data/embed',
    ),
    'generic': DataSet(
        'generic.GenericConverter',
        'Convert your own mammograms to the COCO-exam format.',
        '{command} downloads/mine --out data/mine --table downloads/mine/views.csv',
        official_split=True,
        add_arguments=_of_generic,
    ),
    'inbreast': DataSet(
        'inbreast.INbreastConverter',
        'Convert INbreast (DICOM, XML regions, INbreast.xls) to the COCO-exam format.',
        '{command} "downloads/INbreast Release 1.0" --out data/inbreast',
        ratios=dict(train=0.6, val=0.2, test=0.2),
    ),
    'mini-mias': DataSet(
        'mini_mias.MiniMIASConverter',
        'Convert mini-MIAS to the COCO-exam format.',
        '{command} downloads/all-mias --out data/mini_mias',
    ),
    'rsna': DataSet(
        'rsna.RSNAConverter',
        'Convert RSNA Screening Mammography (Kaggle 2022) to the COCO-exam format.',
        '{command} downloads/rsna-breast-cancer-detection --out data/rsna',
    ),
    'synth': DataSet(
        'synth.SynthConverter',
        'Convert M-SYNTH and T-SYNTH to the COCO-exam format.',
        '{command} downloads/msynth --out data/synth',
        ratios=dict(train=0.666, val=0.167, test=0.167),
    ),
    'vindr-mammo': DataSet(
        'vindr_mammo.VinDrMammoConverter',
        'Convert VinDr-Mammo to the COCO-exam format.',
        '{command} downloads/vindr-mammo/1.0.0 --out data/vindr_mammo',
        official_split=True,
    ),
}
KIND = 'data set'  # what the second word of the command names
COMMANDS = {name: data_set.command() for name, data_set in DATA_SETS.items()}


def overview() -> str:
    """Return the text of ``mammo convert --help``."""
    width = max(map(len, DATA_SETS))
    return '\n'.join(
        [
            'usage: mammo convert DATA_SET RAW_DIR --out DIR [options]',
            '',
            __doc__,
            '',
            'data sets:',
            *(
                f'  {name:<{width}}  {one.description}'
                for name, one in DATA_SETS.items()
            ),
            '',
            'mammo convert DATA_SET --help tells its options.',
            '',
            'example:',
            '  mammo convert vindr-mammo downloads/vindr-mammo/1.0.0 '
            '--out data/vindr_mammo',
        ]
    )
