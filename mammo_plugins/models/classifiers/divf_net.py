"""Classification of a breast from both of its views."""

from mmpretrain.models.backbones import ResNet
from torch import Tensor

from mammo_plugins.models.multi_view import ModeSwitch, ViewBatch
from mammo_plugins.registry import MODELS
from mammo_plugins.structures import VIEWS, other_view
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample

from .mammogram_classifier import MammogramClassifier


@MODELS.register_module()
class DIVFNet(ModeSwitch, MammogramClassifier):
    """Dual Ipsilateral Views Fusion Network (Nguyen et al., section 3.1).

    Each view of a breast is examined in turn, with the other one as auxiliary view.
    Both pass through the low-level half of one backbone, and ``fusion`` joins them.
    With ``skip``, the examined view's own features are added. The high-level half and
    the head compute logits for the examined view. In training, each examined view has
    the label of the breast. The score of a breast is the mean of its views'
    probabilities; the paper does not state a rule.

    A view without a partner keeps its own low-level features, as with ``fusion=None``.

    "The first half of the backbone" in the paper is taken to be the first two of the
    four stages.

    Args:
        backbone (dict): mmpretrain's ``ResNet`` or one derived from it.
        fusion (dict, optional): Arguments of :class:`IVFBlock` except ``in_channels``.
            ``None`` is the row "No Fusion" of table 1, where each view is processed by
            itself. Defaults to ``dict(type='mammo.IVFBlock')``.
        skip (bool): Whether to add the examined view's own features. False is
            "Average Fusion" and "Concatenate Fusion" of table 1. Defaults to True.
        cut (int): Last stage of the low-level half, counted from 1. Defaults to 2.
        neck (dict, optional): Such as ``GlobalAveragePooling``.
        head (dict, optional): A head of two classes, such as ``LinearClsHead``.
        train_cfg (dict, optional): ``dict(augments=...)`` of mmpretrain's batch
            augmentations, as in ``ImageClassifier``; they mix breasts with all their
            views.
        data_preprocessor (dict, optional): :class:`BreastDataPreprocessor` unless you
            name another type.
        init_cfg (dict, optional): Defaults to ``None``.
    """

    default_preprocessor = 'mammo.BreastDataPreprocessor'

    def __init__(
        self,
        backbone: dict,
        fusion: dict | None = dict(type='mammo.IVFBlock'),
        skip: bool = True,
        cut: int = 2,
        neck: dict | None = None,
        head: dict | None = None,
        train_cfg: dict | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            backbone=backbone,
            neck=neck,
            head=head,
            train_cfg=train_cfg,
            data_preprocessor=data_preprocessor,
            init_cfg=init_cfg,
        )
        backbone = self.backbone
        if not isinstance(backbone, ResNet):
            raise TypeError(
                f'DIVFNet.backbone: {type(backbone).__name__}; expected '
                "mmpretrain's ResNet or one derived from it"
            )
        if cut not in range(1, backbone.num_stages):
            raise ValueError(
                f'DIVFNet.cut: {cut}; expected 1 to {backbone.num_stages - 1}'
            )
        self.cut = cut
        self.skip = skip
        self.fusion = None
        if fusion is not None:
            meeting = getattr(backbone, backbone.res_layers[cut - 1])
            self.fusion = MODELS.build(
                dict(fusion, in_channels=meeting[-1].out_channels)
            )

    def low_level(self, images: Tensor) -> Tensor:
        """Run the stem and the stages before the cut.

        Args:
            images (Tensor): (N, C, H, W).

        Returns:
            Tensor: (N, c, h, w).
        """
        net = self.backbone
        x = (
            net.stem(images)
            if net.deep_stem
            else net.relu(net.norm1(net.conv1(images)))
        )
        return self._stages(net.maxpool(x), net.res_layers[: self.cut])

    def high_level(self, feats: Tensor) -> Tensor:
        """Run the stages after the cut.

        Args:
            feats (Tensor): (N, c, h, w), as from :meth:`low_level` or fused.

        Returns:
            Tensor: Output of the last stage, which Grad-CAM uses.
        """
        return self._stages(feats, self.backbone.res_layers[self.cut :])

    def _stages(self, x: Tensor, names: list[str]) -> Tensor:
        for name in names:
            x = getattr(self.backbone, name)(x)
        return x

    def extract_feat(
        self, inputs: dict[str, Tensor], data_samples: list[MultiViewDataSample]
    ) -> ViewBatch:
        """Extract the features of every examined view.

        Args:
            inputs (dict[str, Tensor]): By view, ``CC`` and ``MLO``, (n, C, H, W) for
                the breasts that have it.
            data_samples (list[MultiViewDataSample]): One per breast.

        Returns:
            ViewBatch: Features (m, c', h', w') of the last stage of the m examined
            views.
        """
        low = ViewBatch.gather(inputs, data_samples, VIEWS).map(self.low_level)
        return self._enhance(low).map(self.high_level)

    def _enhance(self, low: ViewBatch) -> ViewBatch:
        """Fuse each view with its partner if there is one."""
        if self.fusion is None:
            return low
        examined, auxiliary = low.mask.paired(
            {view: other_view(view) for view in VIEWS}
        )
        if not examined:
            # distributed training expects a gradient for every parameter
            return low.like(
                low.rows + 0.0 * sum(p.sum() for p in self.fusion.parameters())
            )
        own = low.rows[examined]
        fused = self.fusion(own, low.rows[auxiliary])
        return low.scattered(examined, fused + own if self.skip else fused)

    def logits(self, feats: Tensor) -> Tensor:
        """Return the logits of examined views.

        Args:
            feats (Tensor): (m, c', h', w') of the last stage.

        Returns:
            Tensor: (m, 2).
        """
        return self.head(self._pooled(feats))

    def _pooled(self, feats: Tensor) -> tuple[Tensor, ...]:
        return self.neck((feats,)) if self.with_neck else (feats,)

    def _forward(
        self, inputs: dict[str, Tensor], data_samples: list[MultiViewDataSample]
    ) -> Tensor:
        """Return the logits of the examined views, CC first."""
        return self.logits(self.extract_feat(inputs, data_samples).rows)

    def loss(
        self, inputs: dict[str, Tensor], data_samples: list[MultiViewDataSample]
    ) -> dict[str, Tensor]:
        """Compute the loss, with the breast's label for each examined view.

        Args:
            inputs (dict[str, Tensor]): As in :meth:`extract_feat`.
            data_samples (list[MultiViewDataSample]): With ``gt_label`` (1, ), or
                ``gt_score`` (2, ) after batch augmentation.

        Returns:
            dict[str, Tensor]: As returned by the head.
        """
        feats = self.extract_feat(inputs, data_samples)
        return self.head.loss(
            self._pooled(feats.rows), [data_samples[i] for i, _ in feats.mask.places]
        )

    def predict(
        self, inputs: dict[str, Tensor], data_samples: list[MultiViewDataSample]
    ) -> list[MultiViewDataSample]:
        """Predict breasts.

        Args:
            inputs (dict[str, Tensor]): As in :meth:`extract_feat`.
            data_samples (list[MultiViewDataSample]): One per breast.

        Returns:
            list[MultiViewDataSample]: The same, with ``pred_score`` (2, ), the
            mean over the examined views, ``pred_label`` (1, ), and ``pred_score``
            of each view.
        """
        scores = (
            self.extract_feat(inputs, data_samples)
            .map(self.logits)
            .map(lambda logits: logits.softmax(dim=-1))
        )
        for view, score in zip(scores.mask.samples(data_samples), scores.rows):
            view.set_field(score, 'pred_score')
        for i, sample in enumerate(data_samples):
            sample.pred_score = scores.of_sample(i).mean(dim=0)
            sample.pred_label = sample.pred_score.argmax(dim=0, keepdim=True)
        return data_samples
