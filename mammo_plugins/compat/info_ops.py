"""The build facts ``mmdet.utils.collect_env`` prints, for bridged operators."""


def get_compiler_version() -> str:
    """Stand in for the name of the compiler that built mmcv's operators."""
    return 'none (operators served from torchvision by mammo_plugins)'


def get_compiling_cuda_version() -> str:
    """Stand in for the CUDA version mmcv's operators were built with."""
    return 'not available'
