"""LoRA whose checkpoints include the frozen backbone."""

from mmpretrain.models.peft import LoRAModel

from mammo_plugins.registry import MODELS


@MODELS.register_module()
class CompleteLoRAModel(LoRAModel):
    """mmpretrain's ``LoRAModel`` with checkpoints that include the backbone.

    The parent's hook removes everything but the LoRA weights from a checkpoint,
    including entries that other parts of a larger model have already added. A
    checkpoint of this class can be tested and resumed without the file of pretrained
    weights.

    Args:
        module, alpha, rank, drop_rate, targets: As in ``LoRAModel``.
    """

    def _register_state_dict_hooks(self) -> None:
        """Keep all weights in checkpoints."""
