"""Network components, by kind as in mmdet."""
from .data_preprocessors import *  # noqa: F401,F403
from .losses import *  # noqa: F401,F403
from .utils import *  # noqa: F401,F403
