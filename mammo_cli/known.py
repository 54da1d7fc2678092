"""Constants of the package that arguments show without importing it.

``tests/test_cli/test_known.py`` compares each of them with the package.
"""

DENSITIES = ('A', 'B', 'C', 'D')
"""BI-RADS densities."""

PHANTOM = dict(
    size=(512, 256),
    density=('A', 'B', 'B', 'B', 'C', 'C', 'C', 'D'),
    prevalence=0.6,
    lesion_diameter_mm=(5.0, 25.0),
)
"""Defaults of ``PhantomConfig``."""

SALIENCY_CLASSES = ('benign', 'malignant')
"""Classes that a DIVF-Net tells apart."""

SIGMA_RANGE = (0.2, 0.3)
"""Default of ``SoftMask``."""

SMALLEST_LESION = 4
"""Least side of a lesion of a bank, in pixels."""

MOST_LESIONS_SHOWN = 144
"""Lesions that the preview of a bank has at most."""

SPLITS = ('official', 'ratio', 'kfold')
"""Ways to part a data set."""

MEASURED_PARTS = (
    'baseline',
    'ipsidualnet',
    'bidualnet',
    'fusion',
    'memory',
    'small_networks',
    'cuda_graphs',
    'exams',
    'data',
)
"""What ``benchmark-machine`` measures."""

PRECISIONS = ('auto', 'bf16', 'fp16', 'fp32')
"""Number formats of a training, and of predicting."""

RATIOS = dict(train=0.8, val=0.1, test=0.1)
"""Shares of the parts where a converter has none of its own."""
