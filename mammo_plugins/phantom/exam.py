"""Creating a whole phantom exam from a seed."""

from dataclasses import dataclass, field

import numpy as np

from mammo_plugins.phantom.anatomy import (
    GLAND_SHARE,
    blend,
    build_curves,
    build_gland,
    shared_fields,
)
from mammo_plugins.phantom.config import PhantomConfig
from mammo_plugins.phantom.findings import Breast, Finding, sample_findings
from mammo_plugins.phantom.geometry import recompress, sample_geometry, sample_shape
from mammo_plugins.phantom.masses import mask_box, mass_mask
from mammo_plugins.phantom.physics import Presentation, mean_photons, quantum_noise
from mammo_plugins.phantom.views import (
    FindingView,
    Tissue,
    add_contrast,
    enhancement,
    project_findings,
    tissue_paths,
)
from mammo_plugins.structures import LATERALITIES, VIEWS

MIMICS = ('nodule', 'clump')
ViewKey = tuple[str, str, str]


@dataclass
class LesionView:
    """A lesion in one view, in pixels of that view's image.

    Args:
        finding: The lesion.
        mask: (H, W) bool, the projection of the lesion alone, see
            ``masses.MASK_THRESHOLD``.
        bbox: (x1, y1, x2, y2) of the mask.
        path_mm: (H, W) float32 path length through the lesion.
    """

    finding: Finding
    mask: np.ndarray = field(repr=False)
    bbox: tuple[int, int, int, int]
    path_mm: np.ndarray = field(repr=False)


@dataclass
class PhantomView:
    """One image. The chest wall of a right breast is the right edge.

    Args:
        laterality, view, modality: 'R' or 'L'; 'CC' or 'MLO'; 'FFDM',
            'CEM-LE' or 'CEM-RC'.
        pixels: (H, W) uint16, 12 bits, tissue bright.
        normal: The same without lesions, with the same noise.
        nipple: (x, y) of the nipple's tip in pixels.
        breast_mask: (H, W) bool.
        lesions: The visible lesions.
        mimics: Boxes of nodules and clumps, as (finding, bbox).
    """

    laterality: str
    view: str
    modality: str
    pixels: np.ndarray = field(repr=False)
    normal: np.ndarray = field(repr=False)
    nipple: tuple[float, float]
    breast_mask: np.ndarray = field(repr=False)
    lesions: list[LesionView]
    mimics: list[tuple[Finding, tuple[int, int, int, int]]]

    @property
    def key(self) -> ViewKey:
        """(laterality, view, modality)."""
        return self.laterality, self.view, self.modality


@dataclass
class PhantomExam:
    """A phantom exam.

    Args:
        config: Parameters.
        density: BI-RADS density.
        glandular_fraction: Glandular share of the tissue inside the skin, excluding
            muscle, by laterality.
        breasts: The breasts by laterality.
        findings: Lesions and mimics of both breasts.
        tissue: Path lengths by (laterality, view), in the frame of a left
            breast.
        views: Images by (laterality, view, modality).
    """

    config: PhantomConfig
    density: str
    glandular_fraction: dict[str, float]
    breasts: dict[str, Breast] = field(repr=False)
    findings: list[Finding] = field(repr=False)
    tissue: dict[tuple[str, str], Tissue] = field(repr=False)
    views: dict[ViewKey, PhantomView] = field(repr=False)

    @property
    def lesions(self) -> list[Finding]:
        """The lesions of both breasts."""
        return [f for f in self.findings if f.kind == 'lesion']

    @property
    def abnormal(self) -> bool:
        """Whether the exam has a lesion."""
        return bool(self.lesions)


def _streams(seed: int | np.random.SeedSequence, n: int) -> list[np.random.Generator]:
    if not isinstance(seed, np.random.SeedSequence):
        seed = np.random.SeedSequence(seed)
    # spawn() would change the caller's sequence, and a repeat would differ
    children = (
        np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, k))
        for k in range(n)
    )
    return [np.random.default_rng(child) for child in children]


def make_breasts(
    rng: np.random.Generator, config: PhantomConfig, density: str
) -> dict[str, Breast]:
    """Create two breasts whose parenchyma mirrors each other's as configured."""
    shape = sample_shape(rng, config)
    share = rng.uniform(*GLAND_SHARE[density])
    bias = rng.uniform(0.1, 0.5)
    left = shared_fields(rng, config, shape)
    right = blend(left, shared_fields(rng, config, shape), config.symmetry)
    usual = {v: sample_geometry(rng, config, shape, v) for v in VIEWS}
    breasts = {}
    for laterality, fields in zip(LATERALITIES, (right, left)):
        own = float(np.clip(share * rng.uniform(0.93, 1.07), 0.01, 0.95))
        gland = build_gland(fields, config, shape, own, bias)
        geometry = {v: recompress(rng, config, usual[v]) for v in VIEWS}
        breasts[laterality] = Breast(laterality, shape, gland, geometry)
    return breasts


def make_exam(
    seed: int | np.random.SeedSequence,
    config: PhantomConfig = PhantomConfig(),
    abnormal: bool | None = None,
) -> PhantomExam:
    """Create a four-view exam.

    Args:
        seed: The same seed and parameters give the same exam, bit for bit with one
            machine and library version.
        config: Parameters.
        abnormal: Whether the exam has a lesion; None draws it by
            ``config.prevalence``.

    Returns:
        The exam with all its ground truth.
    """
    anatomy, finding, fibre, noise, unit = _streams(seed, 5)
    density = str(anatomy.choice(config.density))
    breasts = make_breasts(anatomy, config, density)
    findings = sample_findings(finding, config, breasts, abnormal)
    tissue, shown = {}, {}
    for laterality, breast in breasts.items():
        curves = build_curves(fibre, config, breast.shape)
        for view in VIEWS:
            key = laterality, view
            tissue[key] = tissue_paths(fibre, breast, curves, view, config)
            shown[key] = project_findings(findings, breast.geometry[view], laterality)
    exam = PhantomExam(
        config, density, _glandular_fraction(tissue), breasts, findings, tissue, {}
    )
    _expose(exam, shown, noise, unit)
    return exam


def _glandular_fraction(tissue: dict[tuple[str, str], Tissue]) -> dict[str, float]:
    """Return the glandular fraction over both views of each breast."""
    out = {}
    for laterality in LATERALITIES:
        views = [tissue[laterality, view] for view in VIEWS]
        gland = sum(float(t.gland.sum()) for t in views)
        out[laterality] = gland / (gland + sum(float(t.fat.sum()) for t in views))
    return out


def _expose(
    exam: PhantomExam,
    shown: dict[tuple[str, str], list[FindingView]],
    noise: np.random.Generator,
    unit: np.random.Generator,
) -> None:
    """Compute the images: integrals, counts and grey values of every view."""
    config = exam.config
    entering = config.photons_per_mm2 * config.pixel_mm**2
    counts = {}
    for key, tissue in exam.tissue.items():
        normal = add_contrast(tissue.integral(), shown[key], MIMICS)
        draw = noise.standard_normal(config.size, dtype=np.float32)
        counts[key] = [
            quantum_noise(mean_photons(integral, entering), draw)
            for integral in (add_contrast(normal, shown[key], ('lesion',)), normal)
        ]
    process = _processing(exam, counts, entering, unit)
    for key, pair in counts.items():
        images = [process(c, entering, exam.tissue[key].equaliser) for c in pair]
        _add_view(exam, key, 'CEM-LE' if config.cem else 'FFDM', images, shown[key])
    if config.cem:
        _recombine(exam, shown, noise, unit)


def _processing(
    exam: PhantomExam, counts: dict, entering: float, unit: np.random.Generator
) -> Presentation:
    """Return the grey scale of an exam, set from its lesion-free images."""
    draft = Presentation(0, 1)
    values = []
    for key, (_, normal) in counts.items():
        tissue = exam.tissue[key]
        inside = (tissue.muscle == 0) & (
            tissue.thickness > 0.8 * tissue.thickness.max()
        )
        values.append(draft.equalised(normal, entering, tissue.equaliser)[inside])
    low, high = np.percentile(np.concatenate(values), [1, 99.7])
    span = max(high - low, 0.55)
    return Presentation(
        low - unit.uniform(0.12, 0.2) * span,
        low + unit.uniform(1.02, 1.15) * span,
        gamma=unit.uniform(0.95, 1.15),
    )


def _recombine(
    exam: PhantomExam,
    shown: dict[tuple[str, str], list[FindingView]],
    noise: np.random.Generator,
    unit: np.random.Generator,
) -> None:
    """Compute contrast-enhanced recombined images: iodine and residual anatomy."""
    config = exam.config
    uptake = unit.uniform(0.001, 0.012)
    lesion_uptake = {
        f.number: unit.uniform(
            *((0.02, 0.05) if f.pathology == 'malignant' else (0.003, 0.025))
        )
        for f in exam.lesions
    }
    for key, tissue in exam.tissue.items():
        # subtraction leaves a little anatomy, and adds the noise of two images
        rest = 0.04 * tissue.integral() + 0.12 * (tissue.thickness > 0)
        draw = 0.016 * noise.standard_normal(config.size, dtype=np.float32)
        draw *= np.minimum(tissue.thickness / 10, 1)
        images = []
        for uptakes in (lesion_uptake, None):
            signal = rest + draw + enhancement(tissue, shown[key], uptake, uptakes)
            grey = np.clip(signal / np.float32(0.8), 0, 1)
            images.append(np.rint(4095 * grey).astype(np.uint16))
        _add_view(exam, key, 'CEM-RC', images, shown[key])


def _add_view(
    exam: PhantomExam,
    key: tuple[str, str],
    modality: str,
    images: list[np.ndarray],
    shown: list[FindingView],
) -> None:
    """Add a view with its ground truth, mirrored for a right breast."""
    laterality, view = key
    geometry = exam.breasts[laterality].geometry[view]
    flip = slice(None, None, -1 if laterality == 'R' else 1)

    def turn(array):
        return np.ascontiguousarray(array[:, flip])

    lesions, mimics = [], []
    for entry in shown:
        path = turn(entry.path)
        mask = mass_mask(path)
        if not mask.any():
            continue
        if entry.finding.kind == 'lesion':
            lesions.append(LesionView(entry.finding, mask, mask_box(mask), path))
        else:
            mimics.append((entry.finding, mask_box(mask)))
    x, y = geometry.nipple
    if laterality == 'R':
        x = geometry.size[1] - x
    out = PhantomView(
        laterality,
        view,
        modality,
        turn(images[0]),
        turn(images[1]),
        (float(x), float(y)),
        turn(geometry.mask()),
        lesions,
        mimics,
    )
    exam.views[out.key] = out
