"""DisAsymNet: classification and disentanglement of asymmetric abnormality."""

import math

import torch
from mmdet.structures import DetDataSample
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from mmengine.registry import MODEL_WRAPPERS
from torch import Tensor
from torch.nn import functional as F

from mammo_plugins.models.multi_view import (
    GreyNormalization,
    MultiViewModel,
    ViewBatch,
    ViewMask,
)
from mammo_plugins.models.utils import evaluating, frozen_call, mean_over_processes
from mammo_plugins.registry import MODELS
from mammo_plugins.structures import LATERALITIES
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample

from .asymmetry_classifier import PairFeatures

WEIGHTS = dict(diag=1.0, rec=0.1, dics=1.0, syn=0.5)


class TwoObjectives:
    """Training with two objectives per step, each with its own update (section 2.4).

    ``forward(mode='loss')`` returns the first and ``forward(mode='refine')`` the
    second, which is empty if there is none. This is a mixin for the model and for its
    wrapper for distributed training, whose ``train_step`` replaces the model's.
    """

    def train_step(
        self, data: dict | tuple | list, optim_wrapper: OptimWrapper
    ) -> dict[str, Tensor]:
        """Update the parameters for one objective, then for the other.

        Args:
            data (dict | tuple | list): A batch.
            optim_wrapper (OptimWrapper): If ``accumulative_counts`` is above 1, each
                objective counts as one iteration; use an even number to keep both in
                the same update.

        Returns:
            dict[str, Tensor]: Values of both for the log; ``loss`` is their sum.
        """
        model = getattr(self, 'module', self)
        self._count_objectives(optim_wrapper)
        logged: dict[str, Tensor] = {}
        with optim_wrapper.optim_context(self):
            data = model.data_preprocessor(data, True)
        for mode in ('loss', 'refine'):
            with optim_wrapper.optim_context(self):
                losses = self._run_forward(data, mode=mode)
            if losses:
                parsed, figures = model.parse_losses(losses)
                optim_wrapper.update_params(parsed)
                total = logged.get('loss', 0.0) + figures['loss']
                logged.update(figures, loss=total)
        return logged

    def _count_objectives(self, optim_wrapper: OptimWrapper) -> None:
        """Tell the wrapper that there are twice as many updates as the loop counts."""
        counted = optim_wrapper._max_counts
        if counted > 0 and counted != getattr(self, '_updates', None):
            optim_wrapper.initialize_count_status(
                getattr(self, 'module', self),
                2 * optim_wrapper._inner_count,
                2 * counted,
            )
            self._updates = 2 * counted


@MODEL_WRAPPERS.register_module()
class TwoObjectivesDistributedDataParallel(TwoObjectives, MMDistributedDataParallel):
    """MMEngine's wrapper for models of :class:`TwoObjectives`.

    Needs ``find_unused_parameters=True``, because the second objective does not use the
    decoder.
    """


@MODELS.register_module()
class DisAsymNet(TwoObjectives, MultiViewModel):
    """Disentanglement of asymmetrical abnormality (Wang et al., 2023).

    The input is pairs of one projection, ``R`` and ``L``. The module AsyC classifies
    abnormal sides and asymmetric pairs. AsyD decodes a normal and an abnormal image of
    each side. The discriminator is AsyC itself with frozen parameters. This is
    equivalent to the paper's copy that is refreshed in each step, without gradient,
    optimizer state or an entry in checkpoints. It uses the running statistics of its
    batch norms.

    First objective: ``L_diag + 0.1 L_rec + L_dics + 0.5 L_syn``; second: ``L_refine``,
    on the normal images of the first, without gradient to them (section 2.4). It uses
    the running statistics, too, because L_refine has to train the function that L_dics
    attacks, and batch statistics would make it another function. It does not update the
    running statistics, which come from real images and images with inserted lesions.

    A side without a partner is compared with itself and gets no asymmetry score. In
    training, such pairs are left out (``complete=True``).

    Args:
        asyc (dict): :class:`AsymmetryClassifier`.
        asyd (dict, optional): :class:`DisentanglingDecoder`. ``None``: classification
            only. Defaults to ``None``.
        weights (dict): Weights of the losses ``diag``, ``rec``, ``dics`` and ``syn``.
            L_syn is computed for samples with ``clean_img`` (:class:`InsertLesions`).
            Defaults to the paper's.
        soft_mask (tuple[float], optional): (w, s): L_rec uses the soft mask
            ``sigmoid(w (m - s))`` of HAM, whose code uses (100, 0.4), times the
            probability (:meth:`PairFeatures.masks`). Predicted heat maps stay graded;
            the metric applies the threshold. ``None``: L_rec uses the graded map.
            Defaults to ``None``.
        mean, std (float): Mean and standard deviation by which images in [0, 1] are
            normalized for the encoder. Defaults to 0.3 and 0.2.
        num_channels (int): Number of identical channels of the encoder's input.
            Defaults to 3.
        data_preprocessor (dict, optional): :class:`MultiViewDataPreprocessor` unless
            you name another type; it leaves images in [0, 1].
        init_cfg (dict, optional): Defaults to ``None``.
    """

    modes = dict(MultiViewModel.modes, refine='refine_loss')
    default_preprocessor = dict(MultiViewModel.default_preprocessor, num_channels=1)

    def __init__(
        self,
        asyc: dict,
        asyd: dict | None = None,
        weights: dict = WEIGHTS,
        soft_mask: tuple[float, float] | None = None,
        mean: float = 0.3,
        std: float = 0.2,
        num_channels: int = 3,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        if set(weights) != set(WEIGHTS):
            raise ValueError(
                f'DisAsymNet.weights: {sorted(weights)}; expected {sorted(WEIGHTS)}'
            )
        self.asyc = MODELS.build(asyc)
        self.asyd = None if asyd is None else MODELS.build(asyd)
        self.weights = dict(weights)
        self.soft_mask = soft_mask
        self.normalization = GreyNormalization(mean, std, num_channels)
        self._normal: Tensor | None = None

    def _forward(
        self,
        inputs: dict[str, Tensor],
        data_samples: list[MultiViewDataSample] | None = None,
    ) -> PairFeatures:
        """Run AsyC on complete pairs.

        Args:
            inputs (dict[str, Tensor]): By side, ``R`` and ``L``, (N, 1, H, W) in
                [0, 1].
            data_samples (list[MultiViewDataSample], optional): Not used.
        """
        return self.classify(*(inputs[side] for side in LATERALITIES))

    def classify(self, right: Tensor, left: Tensor) -> PairFeatures:
        """Run AsyC.

        Args:
            right, left (Tensor): (N, 1, H, W) in [0, 1].
        """
        return self.asyc(self.normalization(right), self.normalization(left))

    def discriminate(self, right: Tensor, left: Tensor) -> PairFeatures:
        """Run AsyC with frozen parameters and statistics.

        Args:
            right, left (Tensor): (N, 1, H, W) in [0, 1]; gradients reach them.
        """
        return frozen_call(
            self.asyc, self.normalization(right), self.normalization(left)
        )

    def disentangle(
        self, feats: PairFeatures, size: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """Run AsyD.

        Args:
            feats (PairFeatures): Features of N pairs.
            size (tuple[int]): (H, W) of the images.

        Returns:
            tuple[Tensor, Tensor]: x_n and x_ab, (2N, 1, H, W).
        """
        return self.asyd(feats.output, feats.stages, size)

    @staticmethod
    def _labels(
        data_samples: list[MultiViewDataSample], like: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return y of each side, (2N, ), NaN if unknown, and y_asy, (N, )."""
        mask = ViewMask.whole(LATERALITIES, len(data_samples))
        sides = [
            math.nan if view.gt_label is None else view.gt_label
            for view in mask.samples(data_samples)
        ]
        asymmetric = torch.cat([sample.gt_label for sample in data_samples])
        return like.new_tensor(sides), asymmetric.to(like)

    @staticmethod
    def _classification_loss(
        feats: PairFeatures, abnormal: Tensor, asymmetric: Tensor
    ) -> Tensor:
        """Return L_cls of section 2.1; sides with unknown labels do not count."""
        known = ~abnormal.isnan()
        loss = mean_over_processes(
            F.binary_cross_entropy_with_logits(
                feats.abnormal[known], abnormal[known], reduction='none'
            ),
            known.sum(),
        )
        if feats.asymmetric is not None:
            loss = loss + F.binary_cross_entropy_with_logits(
                feats.asymmetric, asymmetric
            )
        return loss

    def loss(
        self, inputs: dict[str, Tensor], data_samples: list[MultiViewDataSample]
    ) -> dict[str, Tensor]:
        """Compute the first objective.

        Args:
            inputs (dict[str, Tensor]): By side, ``R`` and ``L``, (N, 1, H, W) in
                [0, 1], of complete pairs.
            data_samples (list[MultiViewDataSample]): With ``gt_label`` for the pair and
                for each view, and ``clean_img`` (1, H, W) for views with inserted
                lesions.

        Returns:
            dict[str, Tensor]: Weighted losses.
        """
        if any(len(inputs.get(side, ())) != len(data_samples) for side in LATERALITIES):
            raise ValueError(
                'DisAsymNet: a pair of the batch lacks a side; the '
                'training set needs complete=True'
            )
        seen = ViewBatch.gather(inputs, data_samples, LATERALITIES)
        views = seen.mask.samples(data_samples)
        fakes = sorted(
            {i for (i, _), view in zip(seen.mask.places, views) if 'clean_img' in view}
        )
        pairs = self._real(seen, views).joined(seen.select(fakes))
        feats = self.classify(*pairs.stacked)
        num = len(data_samples)
        real = pairs.stacked[:, :num]
        abnormal, asymmetric = self._labels(data_samples, feats.abnormal)
        losses = dict(
            loss_diag=self.weights['diag']
            * self._classification_loss(feats.first(num), abnormal, asymmetric)
        )
        if self.asyd is None:
            return losses
        size = real.shape[3:]
        normal, lesions, where = (
            pairs.like(images).stacked
            for images in (
                *self.disentangle(feats, size),
                feats.masks(size, self.soft_mask)[:, None],
            )
        )
        where = where[:, :num]
        losses['loss_rec'] = self.weights['rec'] * (
            F.l1_loss((1 - where) * normal[:, :num], (1 - where) * real)
            + F.l1_loss(lesions[:, :num], where * real)
        )
        held = self.discriminate(*normal[:, :num])
        losses['loss_dics'] = self.weights['dics'] * self._classification_loss(
            held, torch.zeros_like(abnormal), torch.zeros_like(asymmetric)
        )
        made = (normal[:, num:] - real[:, fakes]).abs()
        losses['loss_syn'] = self.weights['syn'] * mean_over_processes(
            made, made.numel()
        )
        self._normal = normal[:, :num].detach()
        return losses

    @staticmethod
    def _real(seen: ViewBatch, views: list[DetDataSample]) -> ViewBatch:
        """Return the images before lesions were inserted."""
        made = [row for row, view in enumerate(views) if 'clean_img' in view]
        if not made:
            return seen
        return seen.scattered(
            made, torch.stack([views[row].clean_img for row in made]).to(seen.rows)
        )

    def refine_loss(
        self, inputs: dict[str, Tensor], data_samples: list[MultiViewDataSample]
    ) -> dict[str, Tensor]:
        """Compute the second objective, on the normal images of the first.

        Args:
            inputs (dict[str, Tensor]): Not used.
            data_samples (list[MultiViewDataSample]): As in :meth:`loss`.

        Returns:
            dict[str, Tensor]: ``loss_refine``; empty without AsyD.
        """
        if self.asyd is None:
            return {}
        with evaluating(self.asyc):  # the function that L_dics attacks
            feats = self.classify(*self._normal)
        self._normal = None
        return dict(
            loss_refine=self._classification_loss(
                feats, *self._labels(data_samples, feats.abnormal)
            )
        )

    def predict(
        self, inputs: dict[str, Tensor], data_samples: list[MultiViewDataSample]
    ) -> list[MultiViewDataSample]:
        """Predict pairs.

        Args:
            inputs (dict[str, Tensor]): As in :meth:`loss`; sides may be missing.
            data_samples (list[MultiViewDataSample]): N pairs.

        Returns:
            list[MultiViewDataSample]: The same, with ``pred_score`` (2, ) of asymmetry
            where both sides exist, and for each view ``pred_score`` (2, ) and
            ``pred_label`` (1, ) of abnormality, ``heat_map`` (H, W) of abnormality
            regardless of the label, and, with AsyD, ``normal_img`` and ``abnormal_img``
            (H, W).
        """
        batch = ViewBatch.gather(inputs, data_samples, LATERALITIES)
        pairs = batch.filled(LATERALITIES)
        feats = self.classify(*pairs.stacked)
        size = pairs.rows.shape[2:]
        fields = dict(heat_map=feats.masks(size))
        if self.asyd is not None:
            normal, lesions = self.disentangle(feats, size)
            fields.update(normal_img=normal[:, 0], abnormal_img=lesions[:, 0])
        for place, view in zip(batch.mask.places, batch.mask.samples(data_samples)):
            row = pairs.mask.row(*place)
            view.pred_score = _two_scores(feats.abnormal[row])
            view.pred_label = view.pred_score.argmax(dim=0, keepdim=True)
            for name, values in fields.items():
                view.set_field(values[row], name)
        if feats.asymmetric is not None:
            for i in batch.mask.rows_with(*LATERALITIES):
                data_samples[i].pred_score = _two_scores(feats.asymmetric[i])
        return data_samples


def _two_scores(logit: Tensor) -> Tensor:
    """Return the probabilities of no and yes."""
    probability = logit.sigmoid()
    return torch.stack([1 - probability, probability])
