"""Blending adversarial networks: lesions blended into normal breasts."""

import torch
from mmengine.optim import OptimWrapperDict
from torch import Tensor
from torch.nn import functional as F

from mammo_plugins.models.losses.blending_loss import (
    BackgroundLoss,
    SeamlessBlendingLoss,
)
from mammo_plugins.models.multi_view import MultiViewModel
from mammo_plugins.models.utils import frozen_call, mean_over_processes
from mammo_plugins.registry import MODELS


@MODELS.register_module()
class BlendingGAN(MultiViewModel):
    """Blending adversarial networks (Lin et al., SASHIMI 2019).

    Training minimizes ``L_adv + prior_weight (L_S + L_B)`` (eq. 1). The discriminator
    is trained by eq. 2. The generator maximizes ``log D(G)`` instead of minimizing
    ``log(1 - D(G))``, as in Goodfellow et al. and Isola et al. (2017), because the
    latter's gradient vanishes while the generator is poor. The discriminator's loss is
    averaged over all patches of a batch, so that patches with and without lesions are
    equally frequent in real and generated images. The generator's is averaged over the
    patches that touch the region. The others hardly change, and in large images they
    would make its gradient small compared with that of L_S.

    There are two optimizers: ``optim_wrapper`` has ``generator`` and, if there is one,
    ``discriminator`` (:class:`MultiOptimWrapperConstructor`). Norms of the gradients
    that each loss has at the generator's output are logged as ``grad_adversarial``,
    ``grad_seamless`` and ``grad_background``. In distributed training, use MMEngine's
    wrapper ``MMSeparateDistributedDataParallel``.

    Args:
        generator (dict): :class:`UNetGenerator`.
        discriminator (dict, optional): :class:`PatchDiscriminator`; ``None`` omits the
            adversarial term.
        prior_weight (float): lambda_p; the paper states no value. Defaults to 10.
        seamless (bool): Whether to use L_S. The model "without prior information of
            mass" of figure 4, whose lesion is noise, does not. Defaults to True.
        everywhere (bool): Whether to average the generator's adversarial loss over all
            patches. This is one reading of "average all responses" (2.1), and what a
            discriminator of whole images needs. Defaults to False.
        data_preprocessor (dict, optional): Defaults to MMEngine's
            ``BaseDataPreprocessor``.
        init_cfg (dict, optional): Defaults to ``None``.
    """

    modes = dict(tensor='_forward', predict='predict')  # train_step computes the losses
    default_preprocessor = dict(type='mmengine.BaseDataPreprocessor')

    def __init__(
        self,
        generator: dict,
        discriminator: dict | None,
        prior_weight: float = 10.0,
        seamless: bool = True,
        everywhere: bool = False,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.generator = MODELS.build(generator)
        self.discriminator = (
            None if discriminator is None else MODELS.build(discriminator)
        )
        self.prior_weight = prior_weight
        self.everywhere = everywhere
        self.loss_seamless = SeamlessBlendingLoss() if seamless else None
        self.loss_background = BackgroundLoss()

    def _forward(
        self, inputs: dict[str, Tensor], data_samples: list | None = None
    ) -> Tensor:
        """Blend lesions into images.

        Args:
            inputs (dict[str, Tensor]): ``normal``, ``pasted`` and ``mask``, each
                (N, 1, H, W), as in :meth:`UNetGenerator.forward`.
            data_samples (list, optional): Not used.

        Returns:
            Tensor: (N, 1, H, W).
        """
        return self.generator(inputs['normal'], inputs['pasted'], inputs['mask'])

    def predict(
        self, inputs: dict[str, Tensor], data_samples: list | None = None
    ) -> Tensor:
        """Blend lesions into images, within [0, 1]; as :meth:`_forward`."""
        return self._forward(inputs, data_samples).clamp(0, 1)

    def train_step(
        self, data: dict, optim_wrapper: OptimWrapperDict
    ) -> dict[str, Tensor]:
        """Update the discriminator, then the generator, on one batch.

        Args:
            data (dict): ``inputs``, those of :meth:`_forward` and ``real``
                (M, 1, H, W), images with real lesions.
            optim_wrapper (OptimWrapperDict): Wrappers of ``generator`` and
                ``discriminator``.

        Returns:
            dict[str, Tensor]: Values of both for the log.
        """
        # a separate autocast context does not reuse weights cast before an update
        with optim_wrapper['generator'].optim_context(self.generator):
            inputs = self.data_preprocessor(data, True)['inputs']
            output = self(inputs)
        logged = {}
        if self.discriminator is not None:
            with optim_wrapper['discriminator'].optim_context(self.discriminator):
                losses = self._discriminator_loss(inputs['real'], output.detach())
            parsed, logged = self.parse_losses(losses)
            logged['loss_discriminator'] = logged.pop('loss')
            optim_wrapper['discriminator'].update_params(parsed)
        with optim_wrapper['generator'].optim_context(self.generator):
            losses = self.generator_losses(inputs, output)
        norms = gradient_norms(losses, output)
        parsed, figures = self.parse_losses(losses)
        optim_wrapper['generator'].update_params(parsed)
        return {**logged, **figures, **norms}

    def _discriminator_loss(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Return the negative of eq. 2, from one pass for real and fake images."""
        on_real, on_fake = self.discriminator(torch.cat([real, fake])).split(
            [len(real), len(fake)]
        )
        return dict(
            loss_real=_adversarial(on_real, 1.0), loss_fake=_adversarial(on_fake, 0.0)
        )

    def generator_losses(
        self, inputs: dict[str, Tensor], output: Tensor
    ) -> dict[str, Tensor]:
        """Return the weighted losses of the generator.

        Args:
            inputs (dict[str, Tensor]): As in :meth:`forward`.
            output (Tensor): Output of the generator for them.

        Returns:
            dict[str, Tensor]: Those of ``loss_adversarial``, ``loss_background`` and
            ``loss_seamless`` that the model uses.
        """
        normal, mask = inputs['normal'], inputs['mask']
        losses = {}
        if self.discriminator is not None:
            losses['loss_adversarial'] = self._fooling(output, mask)
        if self.prior_weight:
            losses['loss_background'] = self.prior_weight * sum(
                self.loss_background(output, normal, mask)
            )
        if self.loss_seamless is not None:
            losses['loss_seamless'] = self.prior_weight * self.loss_seamless(
                output, normal, inputs['pasted'], mask
            )
        return losses

    def _fooling(self, output: Tensor, mask: Tensor) -> Tensor:
        """Return the mean -log D of the generated images."""
        logits = frozen_call(self.discriminator, output)
        if self.everywhere:
            return _adversarial(logits, 1.0)
        discriminator = getattr(self.discriminator, 'module', self.discriminator)
        counted = discriminator.touching(mask)
        patches = F.binary_cross_entropy_with_logits(
            logits.float(), torch.ones_like(counted), reduction='none'
        )
        return mean_over_processes(patches * counted, counted.sum())


def gradient_norms(losses: dict[str, Tensor], output: Tensor) -> dict[str, Tensor]:
    """Return the norm of each loss's gradient at the generator's output.

    Args:
        losses (dict[str, Tensor]): From :meth:`BlendingGAN.generator_losses`.
        output (Tensor): That output.

    Returns:
        dict[str, Tensor]: 'grad_...' for each 'loss_...'.
    """
    return {
        name.replace('loss', 'grad'): torch.autograd.grad(
            loss, output, retain_graph=True
        )[0]
        .float()
        .norm()
        for name, loss in losses.items()
    }


def _adversarial(logits: Tensor, label: float) -> Tensor:
    """Return the cross entropy of patches that are all real (1) or generated (0)."""
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))
