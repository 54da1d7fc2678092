"""Packing samples of several views for a model."""

import zlib
from collections.abc import Sequence

import numpy as np
import torch
from mmdet.datasets.transforms import PackDetInputs

from mammo_plugins.registry import TRANSFORMS
from mammo_plugins.structures import ROLES
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample

from .registration import nipple_in_image

META_KEYS = (
    'img_id',
    'img_path',
    'ori_shape',
    'img_shape',
    'scale_factor',
    'flip',
    'flip_direction',
    'homography_matrix',
    'canonical_frame',
    'exam_id',
    'patient_id',
    'laterality',
    'view',
    'pixel_spacing_mm',
    'nipple_source',
    'registration',
    'registration_reason',
    'registration_warnings',
)


@TRANSFORMS.register_module()
class PackExamInputs(PackDetInputs):
    """Pack a sample of several views.

    Each view is packed as by mmdet's ``PackDetInputs``. Additional metainfo besides
    ``meta_keys``: ``nipple``, (x, y) in pixels of the network's input or ``None``;
    ``fingerprint`` (int), equal for equal pixels; ``gt_label`` (int or ``None``) if
    the data set has classes; ``clean_img``, (1, H, W), for a view with inserted
    lesions; ``contralateral_maps``, (2, h, w), for a registered view, the columns and
    rows in the other side's image that its pixels come from, on a coarse grid
    (:meth:`~mammo_plugins.anatomy.Registration.coarse_maps`), and
    ``registered_shape``, (H, W) of the view at that time; for views whose features will
    be registered, ``moved_since_registration``, (3, 3), in pixels of the network's
    input;
    ``lesion_pathology`` and ``lesion_birads``, lists in the order of
    ``gt_instances``, if no lesion was filtered out.

    Required Keys:

    - views (dict[str, dict])
    - gt_label (int, optional)

    Added Keys:

    - inputs (dict[str, Tensor | None]): by view, (1, H, W); ``None`` for a view
      of ``views`` that is missing from the sample
    - data_samples (:obj:`MultiViewDataSample`)

    Args:
        views (Sequence[str]): Names of the views to pack. Defaults to ('main',
            'ipsilateral', 'bilateral').
        meta_keys (Sequence[str]): Keys of a view kept as metainfo of its sample.
    """

    def __init__(
        self, views: Sequence[str] = ROLES, meta_keys: Sequence[str] = META_KEYS
    ) -> None:
        super().__init__(meta_keys=meta_keys)
        self.views = tuple(views)

    def transform(self, results: dict) -> dict:
        """Pack the sample."""
        sample = MultiViewDataSample(
            metainfo=dict(
                exam_id=results.get('exam_id'), patient_id=results.get('patient_id')
            )
        )
        inputs = {}
        for name in self.views:
            if name not in results['views']:
                inputs[name] = None  # collation needs the same keys in each sample
                continue
            view = results['views'][name]
            packed = super().transform(view)
            inputs[name] = packed['inputs']
            packed['data_samples'].set_metainfo(self._facts(view))
            if 'clean_img' in view:
                packed['data_samples'].clean_img = torch.from_numpy(
                    np.ascontiguousarray(view['clean_img'])
                )[None]
            if 'contralateral' in view:
                # maps of all pixels would need eight times the memory of the image
                packed['data_samples'].contralateral_maps = torch.from_numpy(
                    view['contralateral'].coarse_maps()
                )
                packed['data_samples'].set_metainfo(
                    dict(registered_shape=view['contralateral'].shape)
                )
            sample.set_data({name: packed['data_samples']})
        if 'gt_label' in results:
            sample.gt_label = torch.tensor([results['gt_label']])
        return dict(inputs=inputs, data_samples=sample)

    @staticmethod
    def _facts(view: dict) -> dict:
        facts = dict(
            nipple=nipple_in_image(view),
            fingerprint=zlib.crc32(np.ascontiguousarray(view['img'])),
        )
        lesions = view.get('instances', [])
        ignored = view.get('gt_ignore_flags')
        if 'registered_at' in view:
            facts['moved_since_registration'] = np.asarray(
                view['homography_matrix'], float
            ) @ np.linalg.inv(view['registered_at'])
        if 'gt_label' in view:
            facts['gt_label'] = view['gt_label']
        if ignored is not None and len(lesions) == len(ignored):
            kept = [lesions[i] for i in np.flatnonzero(~ignored.astype(bool))]
            facts.update(
                lesion_pathology=[lesion.get('pathology') for lesion in kept],
                lesion_birads=[lesion.get('birads') for lesion in kept],
            )
        return facts

    def __repr__(self) -> str:
        return f'{type(self).__name__}(views={self.views}, meta_keys={self.meta_keys})'
