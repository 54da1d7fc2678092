"""Convert M-SYNTH and T-SYNTH to the COCO-exam format."""
from mammo_plugins.cli.conversion import main
from mammo_plugins.converters.synth import SynthConverter

EXAMPLE = 'python tools/dataset_converters/synth.py downloads/msynth --out data/synth'

if __name__ == '__main__':
    main(SynthConverter(), __doc__, EXAMPLE)
