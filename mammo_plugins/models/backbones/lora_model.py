"""Low-rank changes of a frozen backbone, kept with it."""

from mmpretrain.models.peft import LoRAModel

from mammo_plugins.registry import MODELS


@MODELS.register_module()
class CompleteLoRAModel(LoRAModel):
    """mmpretrain's ``LoRAModel`` whose checkpoints hold the backbone too.

    The parent's hook drops from a checkpoint all that is not of LoRA, also what other
    parts of a larger model have put there before it. A checkpoint of this one is tested
    and resumed without the file of the pretrained weights.

    Args:
        module, alpha, rank, drop_rate, targets: As in ``LoRAModel``.
    """

    def _register_state_dict_hooks(self) -> None:
        """Leave checkpoints whole."""
