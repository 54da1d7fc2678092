"""Build facts that ``mmdet.utils.collect_env`` prints, for bridged operators."""


def get_compiler_version() -> str:
    """Return a placeholder for the compiler that built mmcv's operators."""
    return 'none (operators served from torchvision by mammo_plugins)'


def get_compiling_cuda_version() -> str:
    """Return a placeholder for the CUDA version that built mmcv's operators."""
    return 'not available'
