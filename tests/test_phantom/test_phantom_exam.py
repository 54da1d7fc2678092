"""What the papers exploit must emerge from the phantom's physics."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from spectrum import spectrum_slope

from mammo_plugins.phantom import PhantomConfig, make_exam
from mammo_plugins.phantom.findings import add_overlap_pair
from mammo_plugins.phantom.masses import mass_mask
from mammo_plugins.structures import VIEWS

SMALL = PhantomConfig(size=(128, 64), second_lesion=1.0)


@pytest.fixture(scope='module')
def exams():
    """60 abnormal exams with two lesions each."""
    return [make_exam(k, SMALL, abnormal=True) for k in range(60)]


@pytest.fixture(scope='module')
def sharp():
    """Three lesion-free exams at full size, no mimics."""
    config = PhantomConfig(density=('C',), symmetric_nodules=0.0, overlap_pairs=0.0)
    return [make_exam(k, config, abnormal=False) for k in range(3)]


def _depths(exams, view):
    """Distance of each lesion's box from the nipple along the columns, mm."""
    out = {}
    for k, exam in enumerate(exams):
        for (_, name, _), image in exam.views.items():
            for entry in image.lesions if name == view else ():
                x = 0.5 * (entry.bbox[0] + entry.bbox[2])
                out[k, entry.finding.number] = (
                    abs(image.nipple[0] - x) * exam.config.pixel_mm
                )
    return out


def test_depth_from_the_nipple_agrees_between_views(exams):
    cc, mlo = _depths(exams, 'CC'), _depths(exams, 'MLO')
    keys = sorted(set(cc) & set(mlo))
    assert len(keys) >= 100
    a = np.array([cc[k] for k in keys])
    b = np.array([mlo[k] for k in keys])
    assert np.corrcoef(a, b)[0, 1] > 0.9
    shuffled = np.random.default_rng(0).permutation(b)
    assert abs(np.corrcoef(a, shuffled)[0, 1]) < 0.3


def test_height_does_not_agree_between_views(exams):
    rows = {}
    for k, exam in enumerate(exams):
        for (_, view, _), image in exam.views.items():
            for entry in image.lesions:
                y = 0.5 * (entry.bbox[1] + entry.bbox[3]) - image.nipple[1]
                rows.setdefault((k, entry.finding.number), {})[view] = y
    pairs = np.array([(v['CC'], v['MLO']) for v in rows.values() if len(v) == 2])
    assert np.corrcoef(pairs.T)[0, 1] < 0.8


def test_lesions_are_all_that_differs_from_the_normal_image(exams):
    for exam in exams[:20]:
        for view in exam.views.values():
            differs = view.pixels != view.normal
            path = sum(
                (entry.path_mm for entry in view.lesions), np.zeros(view.pixels.shape)
            )
            assert not differs[path == 0].any()
            for entry in view.lesions:
                x1, y1, x2, y2 = entry.bbox
                assert entry.mask[y1:y2, x1:x2].sum() == entry.mask.sum()
            if view.lesions:
                inside = np.any([e.mask for e in view.lesions], 0)
                change = np.abs(view.pixels.astype(int) - view.normal)
                # tips of spicules thinner than the threshold remain outside
                assert change[~inside].sum() < 0.2 * change.sum()
                assert change[inside].mean() > 0


def test_lesions_are_brighter_than_what_they_displace(exams):
    for exam in exams[:20]:
        for view in exam.views.values():
            for entry in view.lesions:
                rise = view.pixels.astype(int) - view.normal
                assert rise[entry.mask].mean() > 15


def test_right_chest_wall_is_the_right_edge(exams):
    for exam in exams[:10]:
        for view in exam.views.values():
            wall, front = (-1, 0) if view.laterality == 'R' else (0, -1)
            assert view.breast_mask[:, wall].sum() > 40
            assert not view.breast_mask[:, front].any()
            assert not view.pixels[:, front].any()


def test_mirrored_breasts_are_more_alike_than_two_patients():
    own, other = [], []
    config = PhantomConfig(
        size=(128, 64), density=('C',), symmetric_nodules=0.0, overlap_pairs=0.0
    )
    right, left = [], []
    for k in range(24):
        exam = make_exam(k, config, abnormal=False)
        tiles = []
        for laterality in 'RL':
            view = exam.views[laterality, 'CC', 'FFDM']
            pixels = view.pixels if laterality == 'L' else view.pixels[:, ::-1]
            x, y = exam.breasts[laterality].geometry['CC'].nipple
            # the parenchyma behind the nipple, without the outline
            row, column = int(y), int(x)
            tiles.append(pixels[row - 14 : row + 14, column - 28 : column - 8])
        right.append(tiles[0].ravel().astype(float))
        left.append(tiles[1].ravel().astype(float))
    for k in range(24):
        own.append(np.corrcoef(right[k], left[k])[0, 1])
        other.append(np.corrcoef(right[k], left[(k + 1) % 24])[0, 1])
    assert np.mean(own) > np.mean(other) + 0.2


def test_symmetry_governs_the_likeness_of_the_volumes():
    def likeness(symmetry):
        config = replace(SMALL, density=('C',), symmetry=symmetry)
        shares = [
            make_exam(3, config, False).breasts[s].gland.share.ravel() for s in 'RL'
        ]
        return np.corrcoef(shares)[0, 1]

    low, high = likeness(0.0), likeness(0.8)
    assert likeness(1.0) > 0.95
    assert low + 0.1 < high < 0.97


def test_projected_parenchyma_has_the_spectrum_of_mammograms(sharp):
    slopes = []
    for exam in sharp:
        for (laterality, view), tissue in exam.tissue.items():
            breast = exam.breasts[laterality]
            geometry = breast.geometry[view]
            place = np.array([0.5 * breast.shape.depth, 0, 0])
            column, row = geometry.project(place).astype(int)
            column = max(column - 48, 0)
            roi = tissue.gland[row - 48 : row + 48, column : column + 96]
            slopes.append(spectrum_slope(roi, geometry.pixel_mm, 0.05, 0.9))
    assert -3.5 <= np.mean(slopes) <= -2.5


def test_tissue_paths_fill_the_compressed_thickness(sharp):
    for tissue in sharp[0].tissue.values():
        parts = tissue.fat + tissue.gland + tissue.muscle + tissue.skin
        np.testing.assert_allclose(parts, tissue.thickness, atol=1e-3)
        for part in (tissue.fat, tissue.gland, tissue.muscle, tissue.skin):
            assert part.min() >= -1e-4


def test_density_raises_the_glandular_fraction():
    means = []
    for letter in 'ABCD':
        config = replace(SMALL, density=(letter,))
        exams = [make_exam(k, config, False) for k in range(6)]
        assert {exam.density for exam in exams} == {letter}
        means.append(np.mean([list(e.glandular_fraction.values()) for e in exams]))
    assert (np.diff(means) > 0.02).all()


def test_noise_of_an_exposure_follows_the_photons():
    """More photons, less noise, as the square root."""

    def noise(photons):
        config = replace(
            SMALL,
            density=('A',),
            photons_per_mm2=photons,
            symmetric_nodules=0.0,
            overlap_pairs=0.0,
        )
        view = make_exam(1, config, False).views['L', 'CC', 'FFDM']
        image = view.pixels.astype(float)
        residue = image - ndimage.median_filter(image, 3)
        inside = ndimage.binary_erosion(view.breast_mask, iterations=12)
        return residue[inside].std()

    assert noise(2e3) > 2 * noise(4e5)


def _peak(exam, breast, view, pair):
    """Largest added attenuation of a pair of clumps in a view."""
    geometry = breast.geometry[view]
    return max(
        float((sum(0.1 * f.contrast * f.mass.project(geometry) for f in pair)).max()), 0
    )


def test_superposition_looks_like_a_mass_in_one_view_only(exams):
    rng = np.random.default_rng(0)
    for exam in exams[:12]:
        breast, pair = exam.breasts['L'], []
        add_overlap_pair(rng, SMALL, breast, pair, 0)
        if not pair:
            continue
        seen = pair[0].coincides_in
        other = VIEWS[1 - VIEWS.index(seen)]
        assert _peak(exam, breast, seen, pair) > 1.3 * _peak(exam, breast, other, pair)
        masks = {
            v: [mass_mask(f.mass.project(breast.geometry[v])) for f in pair]
            for v in VIEWS
        }
        a, b = masks[seen]
        assert (a & b).sum() > 0.5 * min(a.sum(), b.sum())
        a, b = masks[other]
        assert (a & b).sum() < 0.2 * min(a.sum(), b.sum())


def test_nodules_stand_in_both_breasts_at_mirrored_places(exams):
    twins = 0
    for exam in exams:
        nodules = [f for f in exam.findings if f.kind == 'nodule']
        for right in (f for f in nodules if f.laterality == 'R'):
            left = [
                f for f in nodules if f.laterality == 'L' and f.number == right.number
            ]
            assert len(left) == 1
            assert np.abs(left[0].centre - right.centre).max() <= 6
            twins += 1
        for lesion in exam.lesions:
            same = [f for f in exam.lesions if f.number == lesion.number]
            assert len(same) == 1  # a lesion has no twin
    assert twins > 10


def test_birads_follows_pathology_with_a_reader_s_noise(exams):
    lesions = [f for exam in exams for f in exam.lesions]
    high = [f.birads >= '4B' for f in lesions if f.pathology == 'malignant']
    low = [f.birads >= '4B' for f in lesions if f.pathology == 'benign']
    assert np.mean(high) > 0.6 > 0.3 > np.mean(low)
    assert len({f.birads for f in lesions}) >= 5


def test_same_seed_same_exam():
    first, second = make_exam(5, SMALL), make_exam(5, SMALL)
    other = make_exam(6, SMALL)
    for key, view in first.views.items():
        np.testing.assert_array_equal(view.pixels, second.views[key].pixels)
        np.testing.assert_array_equal(view.normal, second.views[key].normal)
        assert (view.pixels != other.views[key].pixels).any()


def test_seed_sequences_are_not_used_up():
    root = np.random.SeedSequence(5)
    first, second = make_exam(root, SMALL), make_exam(root, SMALL)
    key = 'L', 'CC', 'FFDM'
    np.testing.assert_array_equal(first.views[key].pixels, second.views[key].pixels)


def test_contrast_enhanced_pairs_show_iodine():
    config = replace(SMALL, cem=True, malignant_fraction=1.0)
    exam = make_exam(2, config, abnormal=True)
    assert {key[2] for key in exam.views} == {'CEM-LE', 'CEM-RC'}
    assert len(exam.views) == 8
    for view in exam.views.values():
        if view.modality == 'CEM-RC' and view.lesions:
            mask = view.lesions[0].mask
            rise = view.pixels.astype(int) - view.normal
            assert rise[mask].mean() > 100
            # muscle and fat all but cancel
            inside = view.breast_mask & ~mask
            assert view.normal[inside].std() < 500


@pytest.mark.parametrize(
    'change',
    [
        dict(size=(16, 64)),
        dict(density=('E',)),
        dict(density=()),
        dict(prevalence=1.5),
    ],
)
def test_a_wrong_parameter_is_named(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        replace(SMALL, **change)
