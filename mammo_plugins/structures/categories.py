"""The lesion categories of each public data set, under the names used here."""

CBIS_DDSM = ('mass', 'calcification')
CDD_CESM = (
    'mass',
    'calcification',
    'architectural distortion',
    'asymmetry',
    'non-mass enhancement',
    'other',
)
CMMD = ('mass', 'calcification')
DDSM = ('mass', 'calcification', 'other')
EMBED = ('mass', 'calcification', 'architectural distortion', 'asymmetry', 'finding')
INBREAST = (
    'mass',
    'calcification',
    'calcification cluster',
    'spiculated region',
    'architectural distortion',
    'asymmetry',
    'other',
)
MINI_MIAS = ('mass', 'calcification', 'architectural distortion', 'asymmetry')
PHANTOM = ('mass',)
RSNA = ('mass',)  # it outlines no lesions
SYNTH = ('mass',)
VINDR_MAMMO = (
    'mass',
    'calcification',
    'architectural distortion',
    'asymmetry',
    'focal asymmetry',
    'global asymmetry',
    'suspicious lymph node',
    'skin thickening',
    'skin retraction',
    'nipple retraction',
)
