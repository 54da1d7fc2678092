"""BiDualNet: segmentation of masses by comparison with the other breast."""

from collections.abc import Hashable, Sequence

import torch
from mmdet.models.detectors import BaseDetector
from mmdet.structures import DetDataSample
from mmdet.utils import ConfigType, OptConfigType, OptMultiConfig
from torch import Tensor

from mammo_plugins.models.multi_view import ViewBatch, view_key
from mammo_plugins.models.utils import registered_places
from mammo_plugins.models.utils.probability_map import instances_from_map
from mammo_plugins.registry import MODELS
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample


@MODELS.register_module()
class BiDualNet(BaseDetector):
    """Segmentation of masses in a main image by symmetry with an auxiliary one.

    BiDualNet-v2 of MommiNet-v2 (section 3.4) with :class:`SiameseHRNet` and
    :class:`HRNetV2Head`; the original BiDualNet with :class:`SiameseResNet` and
    :class:`ASPPHead`. Samples without an auxiliary image are not fused; if no sample
    has one, this is the single-view network of table 6. Boxes are found in the map by
    :func:`~mammo_plugins.models.utils.map_to_boxes`.

    With ``register_features``, the other breast's features are registered before
    concatenation, instead of its image. The paper registers images. Each view of an
    exam then needs another pass of the shared stages for the other breast's warped
    image, whereas unregistered features can be used for both breasts.

    Args:
        backbone (dict): Called as ``backbone(main)`` or
            ``backbone(main, auxiliary, rows)``.
        decode_head (dict): A :class:`LesionMapHead`.
        auxiliary (str, optional): The auxiliary view's name in a sample, already
            registered onto the main view. ``None`` never uses one, for a backbone with
            one input. Defaults to 'bilateral'.
        register_features (bool): Whether the auxiliary image is not registered, as from
            ``RegisterContralateral(register_features=True)``. Defaults to False, as in
            the paper.
        test_cfg (dict, optional): Arguments of ``map_to_boxes``. Defaults to
            ``None``, its defaults.
        data_preprocessor (dict, optional): A :class:`MultiViewDataPreprocessor`,
            with ``pad_size_divisor`` 32.
        init_cfg (dict, optional): Defaults to ``None``.
    """

    def __init__(
        self,
        backbone: ConfigType,
        decode_head: ConfigType,
        auxiliary: str | None = 'bilateral',
        register_features: bool = False,
        test_cfg: OptConfigType = None,
        data_preprocessor: OptConfigType = None,
        init_cfg: OptMultiConfig = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.backbone = MODELS.build(backbone)
        self.decode_head = MODELS.build(decode_head)
        self.auxiliary = auxiliary
        self.register_features = register_features
        self.test_cfg = test_cfg or {}

    def extract_feat(
        self,
        main: Tensor,
        auxiliary: Tensor | None = None,
        rows: list[int] | None = None,
        places: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """Extract features of the main images.

        Args:
            main (Tensor): (N, C, H, W).
            auxiliary (Tensor, optional): (n, C, H, W).
            rows (list[int], optional): The n rows of ``main`` that it belongs to.
            places (Tensor, optional): As in :class:`SiameseHRNet`'s ``forward``.
        """
        if auxiliary is None:
            return self.backbone(main)
        if places is None:
            return self.backbone(main, auxiliary, rows)
        return self.backbone(main, auxiliary, rows, places)

    def _forward(
        self, inputs: dict[str, Tensor], data_samples: list[MultiViewDataSample]
    ) -> Tensor:
        """Compute logits of a batch.

        Args:
            inputs (dict[str, Tensor]): By view (n, C, H, W), for the n samples that
                have it.
            data_samples (list[:obj:`MultiViewDataSample`]): N samples.

        Returns:
            Tensor: (N, 1, H / 4, W / 4) with HRNet.
        """
        batch = ViewBatch.gather(inputs, data_samples, ('main', self.auxiliary))
        rows = (
            batch.mask.rows_with(self.auxiliary)
            if self.auxiliary in batch.mask.names
            else None
        )
        main, auxiliary = inputs['main'], inputs.get(self.auxiliary)
        places = None
        if rows:
            places = self._places([data_samples[row] for row in rows], main, auxiliary)
        return self.decode_head(self.extract_feat(main, auxiliary, rows, places))

    def _places(
        self,
        data_samples: Sequence[MultiViewDataSample],
        main: Tensor,
        auxiliary: Tensor,
    ) -> Tensor | None:
        """Return positions to sample features at; ``None`` for registered images.

        Raises:
            ValueError: If the pipeline's registration is not what this model expects.
        """
        for sample in data_samples:
            if ('contralateral_maps' in sample.main) != self.register_features:
                raise ValueError(
                    f'BiDualNet: register_features is {self.register_features}; '
                    'expected the same of RegisterContralateral in the pipeline'
                )
        if not self.register_features:
            return None
        return torch.stack(
            [
                registered_places(
                    sample.main,
                    sample.get(self.auxiliary),
                    main.shape[-2:],
                    auxiliary.shape[-2:],
                )
                for sample in data_samples
            ]
        )

    def loss(
        self, inputs: dict[str, Tensor], data_samples: list[MultiViewDataSample]
    ) -> dict[str, Tensor]:
        """Compute the loss of a batch.

        Args:
            inputs (dict[str, Tensor]): As in :meth:`_forward`.
            data_samples (list[:obj:`MultiViewDataSample`]): With
                ``main.gt_sem_seg``, padded to the inputs' size.
        """
        return self.decode_head.loss_by_logits(
            self._forward(inputs, data_samples),
            [sample.main for sample in data_samples],
        )

    def probability_map(self, main: Tensor, auxiliary: Tensor | None = None) -> Tensor:
        """Compute probabilities of mass at the inputs' resolution (Bi-prob-map).

        Args:
            main (Tensor): (N, C, H, W), H and W multiples of 32.
            auxiliary (Tensor, optional): Of the same shape, registered.

        Returns:
            Tensor: (N, 1, H, W) in [0, 1].
        """
        logits = self.decode_head(self.extract_feat(main, auxiliary))
        return self.decode_head.probability(logits, main.shape[-2:])

    def map_of(
        self,
        batch: ViewBatch,
        i: int,
        sample: MultiViewDataSample,
        encoded: dict[Hashable, tuple],
    ) -> Tensor:
        """Compute the Bi-prob-map of one sample of a batch, at its own size.

        Args:
            batch (ViewBatch): The main and auxiliary views.
            i (int): Index of the sample.
            sample (:obj:`MultiViewDataSample`): The sample.
            encoded (dict): Images of the batch encoded so far, by
                :func:`~mammo_plugins.models.multi_view.view_key`; extended here if
                features are registered.

        Returns:
            Tensor: (1, 1, h, w) in [0, 1].
        """
        main = batch.own_image(i, 'main', sample.main)
        other = sample.get(self.auxiliary) if self.auxiliary else None
        if other is None:
            return self.probability_map(main)
        # a registered image has the main image's size
        like = other if self.register_features else sample.main
        auxiliary = batch.own_image(i, self.auxiliary, like)
        places = self._places([sample], main, auxiliary)
        if places is None:
            return self.probability_map(main, auxiliary)
        for view, image in ((sample.main, main), (other, auxiliary)):
            key = view_key(view)
            if key not in encoded:
                encoded[key] = self.backbone.encode(image)
        outs, branches = encoded[view_key(sample.main)]
        features = self.backbone.finish(
            outs, branches, encoded[view_key(other)][1], places=places
        )
        return self.decode_head.probability(self.decode_head(features), main.shape[-2:])

    def predict(
        self,
        inputs: dict[str, Tensor],
        data_samples: list[MultiViewDataSample],
        rescale: bool = True,
    ) -> list[DetDataSample]:
        """Find masses in the main images, one at a time.

        Args:
            inputs (dict[str, Tensor]): As in :meth:`_forward`.
            data_samples (list[:obj:`MultiViewDataSample`]): N samples.
            rescale (bool): Whether boxes are in pixels of the image before
                resizing. Defaults to True.

        Returns:
            list[:obj:`DetDataSample`]: The main views' samples, with
            ``pred_instances``.
        """
        batch = ViewBatch.gather(inputs, data_samples, ('main', self.auxiliary))
        results, encoded = [], {}
        for i, sample in enumerate(data_samples):
            sample.main.pred_instances = instances_from_map(
                self.map_of(batch, i, sample, encoded),
                sample.main,
                rescale,
                **self.test_cfg,
            )
            results.append(sample.main)
        return results
