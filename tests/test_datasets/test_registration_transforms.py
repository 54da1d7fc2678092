"""Nipples and registration in a pipeline."""

import gc
import tracemalloc
from importlib import import_module

import numpy as np
import pytest
from mmdet.structures.bbox import HorizontalBoxes
from mmdet.structures.mask import BitmapMasks

from mammo_plugins.anatomy import (
    CanonicalFrame,
    register_contralateral,
    transform_points,
)
from mammo_plugins.datasets import PixelCache
from mammo_plugins.datasets.transforms import (
    LocateNipple,
    PackExamInputs,
    RegisterContralateral,
    RegisterSides,
)
from mammo_plugins.models.classifiers.nafv_net import _enlarged
from mammo_plugins.phantom import PhantomConfig, make_exam

CONFIG = PhantomConfig(size=(256, 128))


def view(exam, laterality, projection='CC'):
    """A view as LoadMammogram leaves it."""
    phantom = exam.views[laterality, projection, 'FFDM']
    frame = CanonicalFrame.of(phantom.pixels, margin=8)
    image = frame.image_to_canonical(phantom.normal).astype(np.float32) / 4095
    return dict(
        img=image,
        img_shape=image.shape,
        ori_shape=image.shape,
        homography_matrix=frame.matrix,
        nipple=tuple(phantom.nipple),
        nipple_source='annotation',
        view=projection,
        laterality=laterality,
        instances=[],
        scale_factor=(1.0, 1.0),
        img_id=1,
        img_path=f'{laterality}{projection}',
    )


@pytest.fixture(scope='module')
def exam():
    return make_exam(3, CONFIG)


def nipple_of(results):
    return transform_points(results['nipple'], results['homography_matrix'])


class TestLocateNipple:
    def test_fills_what_is_missing(self, exam):
        for laterality in 'LR':
            results = view(exam, laterality)
            truth = results.pop('nipple')
            found = LocateNipple()({**results, 'nipple': None, 'nipple_source': None})
            assert found['nipple_source'] == 'contour'
            # in pixels of the file, whichever way it faces
            assert np.hypot(*np.subtract(found['nipple'], truth)) < 6

    def test_leaves_an_annotated_one(self, exam):
        results = view(exam, 'L')
        results['nipple'] = (1.0, 2.0)
        found = LocateNipple()(results)
        assert found['nipple'] == (1.0, 2.0)
        assert found['nipple_source'] == 'annotation'

    def test_no_breast(self, exam):
        results = view(exam, 'L')
        results.update(
            nipple=None, nipple_source=None, img=np.zeros((90, 50), np.float32)
        )
        found = LocateNipple()(results)
        assert found['nipple'] is None and found['nipple_source'] is None

    def test_unsure_nipples_stay_missing(self, exam):
        """A half disc has no nipple in profile, only a tip."""
        rows, columns = np.indices((200, 120)) + 0.5
        disc = (np.hypot(columns, rows - 100) < 80).astype(np.float32)
        results = view(exam, 'L')
        results.update(nipple=None, nipple_source=None, img=disc)
        assert LocateNipple(0.31)(dict(results))['nipple'] is None
        assert LocateNipple()(dict(results))['nipple_source'] == 'contour'


class TestWhatIsKept:
    """In the pixel cache, and nothing of an image in memory over an epoch."""

    def pairs(self, exam, number, folder, cache):
        """As many pairs of different files; all look alike."""
        pairs = []
        for i in range(number):
            pair = [
                dict(
                    view(exam, side),
                    img_path=str(folder / f'{i}{side}'),
                    pixel_cache=cache,
                )
                for side in 'LR'
            ]
            for each in pair:
                (folder / each['img_path']).write_bytes(b'mammogram')
            pairs.append(pair)
        return pairs

    def run(self, kind, transform, pairs):
        for main, other in pairs:
            main, other = (
                LocateNipple()(dict(each, nipple=None)) for each in (main, other)
            )
            views = (
                dict(main=main, bilateral=other)
                if kind is RegisterContralateral
                else dict(LCC=main, RCC=other)
            )
            views = transform(dict(views=views))['views']
            if kind is RegisterSides:  # as NaFV-Net does
                views['LCC']['contralateral'].warp_image(views['RCC']['img'])
        return views

    @pytest.mark.parametrize('cached', [True, False])
    @pytest.mark.parametrize('kind', [RegisterContralateral, RegisterSides])
    def test_memory_stays_flat_over_many_pairs(self, exam, kind, cached, tmp_path):
        transform = kind()
        pairs = self.pairs(
            exam, 7, tmp_path, PixelCache(tmp_path / 'cache') if cached else None
        )
        tracemalloc.start()
        try:
            self.run(kind, transform, pairs[:2])
            gc.collect()
            before = tracemalloc.get_traced_memory()[0]
            self.run(kind, transform, pairs[2:])
            gc.collect()
            grown = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
        # five pairs: 90 KB of contours and registrations, 1300 KB of maps
        assert grown < 50_000

    @pytest.mark.parametrize('kind', [RegisterContralateral, RegisterSides])
    def test_it_is_found_once(self, exam, kind, tmp_path, monkeypatch):
        cache = PixelCache(tmp_path / 'cache')
        pairs = self.pairs(exam, 1, tmp_path, cache)
        first = self.run(kind, kind(), pairs)
        module = import_module(kind.__module__)
        for name in ('find_nipple', 'register_contralateral'):
            monkeypatch.setattr(module, name, None)  # must not be called
        again = self.run(kind, kind(), pairs)  # as another process would
        for name, results in first.items():
            assert results['nipple'] == again[name]['nipple']
            assert np.array_equal(results['img'], again[name]['img'])
            if 'contralateral' in results:
                for maps in zip(
                    *(
                        each[name]['contralateral'].pixel_maps()
                        for each in (first, again)
                    )
                ):
                    assert np.array_equal(*maps)
        assert cache.damaged == 0

    def test_another_size_or_place_is_found_anew(self, exam, tmp_path):
        cache = PixelCache(tmp_path / 'cache')
        ((one, _),) = self.pairs(exam, 1, tmp_path, cache)
        one['nipple'] = None
        found = LocateNipple()(dict(one))['nipple']
        moved = dict(one, img=np.pad(one['img'], ((40, 0), (0, 0))))
        moved['homography_matrix'] = (
            np.array([[1, 0, 0], [0, 1, 40], [0, 0, 1]]) @ one['homography_matrix']
        )
        again = LocateNipple()(moved)['nipple']
        assert np.hypot(*np.subtract(found, again)) < 3  # in pixels of the file
        assert len(list((tmp_path / 'cache').rglob('*.json'))) == 2


class TestRegisterSides:
    def views(self, exam):
        return {
            f'{modality} {side}{projection}': view(exam, side, projection)
            for modality in ('CEM-LE', 'CEM-RC')
            for side in 'RL'
            for projection in ('CC', 'MLO')
        }

    def test_the_other_side_is_brought_onto_each_view(self, exam):
        before = self.views(exam)
        after = RegisterSides('CEM-LE')(dict(views=dict(before)))['views']
        for name, results in after.items():
            assert np.array_equal(results['img'], before[name]['img'])
            assert ('contralateral' in results) == name.startswith('CEM-LE')
        main, other = after['CEM-LE RMLO'], after['CEM-LE LMLO']
        nipple = main['contralateral'].map_points(nipple_of(other))
        assert np.hypot(*(nipple - nipple_of(main))) < 1
        # there and back
        points = np.array([[20.0, 100.0], [30.0, 140.0]])
        back = other['contralateral'].map_points(
            main['contralateral'].map_points(points)
        )
        assert np.abs(back - points).max() < 6

    def test_one_side_alone_is_left(self, exam):
        views = {'RCC': view(exam, 'R'), 'LMLO': view(exam, 'L', 'MLO')}
        after = RegisterSides()(dict(views=views))['views']
        assert not any('contralateral' in results for results in after.values())

    def test_it_is_packed(self, exam):
        views = RegisterSides()(
            dict(views={side + 'CC': view(exam, side) for side in 'RL'})
        )['views']
        sample = PackExamInputs(('RCC', 'LCC'))(dict(views=views))['data_samples']
        registration = views['RCC']['contralateral']
        assert registration.status == 'warped'
        # as a tensor, which moves with the batch; that of all pixels is far larger
        maps = sample.RCC.contralateral_maps
        assert maps.nbytes < views['RCC']['img'].nbytes / 4
        whole = np.stack(registration.pixel_maps())
        on_device = _enlarged(maps, whole.shape[1:]).numpy()
        assert np.abs(on_device - whole).max() < 0.05

    def test_enlarged_maps_are_those_of_each_pixel(self, exam):
        registration = RegisterSides()(
            dict(views={side + 'CC': view(exam, side) for side in 'RL'})
        )['views']['RCC']['contralateral']
        height, width = registration.shape
        points = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1) + 0.5
        exact = registration.inverse_points(points) - 0.5
        exact[..., 0] = exact[..., 0].clip(0)
        maps = np.stack(registration.pixel_maps(), -1)
        assert np.abs(maps - exact).mean() < 0.02
        # the chest wall, where rays start, is where it bends most
        assert np.percentile(np.abs(maps - exact), 99.9) < 0.3


class TestRegisterContralateral:
    def register(self, main, other):
        return RegisterContralateral()(dict(views=dict(main=main, bilateral=other)))[
            'views'
        ]

    @pytest.mark.parametrize('projection', ['CC', 'MLO'])
    def test_annotations_follow_the_image(self, exam, projection):
        main, other = (view(exam, side, projection) for side in 'LR')
        x, y = nipple_of(other) * [0.5, 1.0]
        rows, columns = np.indices(other['img'].shape) + 0.5
        other['img'] = other['img'].copy()
        blob = np.hypot(columns - x, rows - y) < 7
        other['img'][blob] = 1.0
        other['gt_seg_map'] = blob.astype(np.uint8)
        other['gt_bboxes'] = HorizontalBoxes(
            np.array([[x - 7, y - 7, x + 7, y + 7]], np.float32)
        )
        other['gt_masks'] = BitmapMasks([blob.astype(np.uint8)], *blob.shape)
        before = main['img'].copy()
        views = self.register(main, other)
        assert np.array_equal(views['main']['img'], before)
        warped = views['bilateral']
        assert warped['registration'] == 'warped'
        assert 'registration_reason' not in warped
        assert warped['img'].shape == warped['img_shape'] == main['img'].shape
        rows, columns = np.nonzero(warped['gt_seg_map'])
        assert (warped['img'][rows, columns] > 0.9).mean() > 0.8
        assert np.array_equal(warped['gt_masks'].masks[0], warped['gt_seg_map'])
        box = warped['gt_bboxes'].numpy()[0]
        extent = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert np.abs(box - extent).max() < 2
        assert (
            np.hypot(
                *(
                    box.reshape(2, 2).mean(axis=0)
                    - [columns.mean() + 0.5, rows.mean() + 0.5]
                )
            )
            < 1
        )

    @pytest.mark.parametrize('projection', ['CC', 'MLO'])
    def test_the_nipple_maps_from_the_file(self, exam, projection):
        main, other = (view(exam, side, projection) for side in 'RL')
        wanted = register_contralateral(
            main['img'], other['img'], nipple_of(main), nipple_of(other), projection
        ).map_points(nipple_of(other))
        warped = self.register(main, other)['bilateral']
        assert nipple_of(warped) == pytest.approx(wanted, abs=1e-2)
        assert warped['nipple'] == other['nipple']
        assert np.hypot(*(nipple_of(warped) - nipple_of(main))) < 2

    def test_falls_back_and_says_so(self, exam):
        main, other = view(exam, 'L'), view(exam, 'R')
        other['img'] = np.zeros_like(other['img'])
        warped = self.register(main, other)['bilateral']
        assert warped['registration'] == 'aligned'
        assert 'no skin line' in warped['registration_reason']
        assert nipple_of(warped)[1] == pytest.approx(nipple_of(main)[1], abs=1e-3)
        packed = PackExamInputs()(dict(views=dict(main=main, bilateral=warped)))
        sample = packed['data_samples'].bilateral
        assert sample.registration == 'aligned'
        assert 'no skin line' in sample.registration_reason
        assert sample.registration_warnings == ('no_skin_line', 'shifted_by_nipples')

    def test_without_the_other_breast(self, exam):
        results = dict(views=dict(main=view(exam, 'L')))
        assert RegisterContralateral()(results) is results

    def test_no_lesions(self, exam):
        other = view(exam, 'R')
        other['gt_bboxes'] = HorizontalBoxes(np.zeros((0, 4), np.float32))
        other['gt_masks'] = BitmapMasks([], *other['img_shape'])
        warped = self.register(view(exam, 'L'), other)['bilateral']
        assert warped['gt_bboxes'].numpy().shape == (0, 4)
        assert warped['gt_masks'].masks.shape == (0, *warped['img_shape'])

    def test_a_nipple_from_the_contour_is_trusted_only_if_sure(self, exam):
        """LocateNipple and tools/locate_nipples.py fill in unsure ones, too."""
        main, other = view(exam, 'L', 'MLO'), view(exam, 'R', 'MLO')
        stated = self.register(dict(main), dict(other))['bilateral']
        wrong = tuple(np.array(other['nipple']) - [0, 40])
        found = self.register(
            dict(main), dict(other, nipple=wrong, nipple_source='contour')
        )['bilateral']
        truth = nipple_of(dict(found, nipple=other['nipple']))
        assert np.hypot(*(truth - nipple_of(stated))) < 3
        followed = self.register(
            dict(main), dict(other, nipple=wrong, nipple_source='annotation')
        )['bilateral']
        truth = nipple_of(dict(followed, nipple=other['nipple']))
        assert np.hypot(*(truth - nipple_of(stated))) > 4
