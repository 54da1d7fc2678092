"""Child registries of MMEngine's roots, scope ``mammo``.

A component of this package is ``mammo.Name`` under any default scope, and plain
``Name`` under ``default_scope = 'mammo'``. Under that scope, any other plain name is
looked up in MMDetection, then MMEngine/MMCV, then MMPretrain, so that an mmdet config
works unchanged. If two of them share a name, write the prefix (``mmpretrain.ResNet``).
"""

import sys
from importlib import import_module
from typing import Any

from mmengine import registry as roots
from mmengine.registry import Registry

SCOPE = 'mammo'

# MMEngine imports '<scope>.registry' at each build; our package's name differs
sys.modules.setdefault(f'{SCOPE}.registry', sys.modules[__name__])


class MammoRegistry(Registry):
    """A registry that falls back to MMDetection and MMPretrain for plain names."""

    def _find_in_sibling(self, scope: str, name: str) -> type | None:
        import_module(f'{scope}.registry')
        sibling = self.root.children.get(scope)
        if sibling is None:
            return None
        sibling.import_from_location()
        return sibling.module_dict.get(name)

    def get(self, key: str) -> type | None:
        """Get a registered class by name.

        Args:
            key (str): ``Name`` or ``scope.Name``.

        Returns:
            type or None: The class; ``None`` or RuntimeError as in
            :meth:`mmengine.registry.Registry.get` if there is no such class.
        """
        if not isinstance(key, str) or '.' in key:
            return super().get(key)
        self.import_from_location()
        if key in self.module_dict:
            return self.module_dict[key]
        found = self._find_in_sibling('mmdet', key)
        if found is None:
            found = self.root.module_dict.get(key)
        if found is None:
            found = self._find_in_sibling('mmpretrain', key)
        return found if found is not None else super().get(key)


def type_name(cfg: Any) -> str:
    """Return the name of the type in a component's config, without its scope.

    Args:
        cfg (dict): A config, whose type may be a class. For anything else the name is
            empty.
    """
    kind = cfg.get('type') if isinstance(cfg, dict) else ''
    return getattr(kind, '__name__', str(kind)).rpartition('.')[2]


def _child(root: Registry, *locations: str) -> MammoRegistry:
    return MammoRegistry(root.name, parent=root, scope=SCOPE, locations=list(locations))


DATASETS = _child(roots.DATASETS, 'mammo_plugins.datasets')
DATA_SAMPLERS = _child(roots.DATA_SAMPLERS, 'mammo_plugins.datasets')
EVALUATOR = _child(roots.EVALUATOR, 'mammo_plugins.evaluation.metrics')
FUNCTIONS = _child(roots.FUNCTIONS)
HOOKS = _child(roots.HOOKS, 'mammo_plugins.engine.hooks')
INFERENCERS = _child(roots.INFERENCERS, 'mammo_plugins.apis.inferencers')
LOG_PROCESSORS = _child(roots.LOG_PROCESSORS)
LOOPS = _child(roots.LOOPS, 'mammo_plugins.engine.loops')
METRICS = _child(roots.METRICS, 'mammo_plugins.evaluation.metrics')
MODELS = _child(roots.MODELS, 'mammo_plugins.models')
MODEL_WRAPPERS = _child(roots.MODEL_WRAPPERS)
OPTIMIZERS = _child(roots.OPTIMIZERS)
OPTIM_WRAPPERS = _child(roots.OPTIM_WRAPPERS, 'mammo_plugins.engine.optimizers')
OPTIM_WRAPPER_CONSTRUCTORS = _child(
    roots.OPTIM_WRAPPER_CONSTRUCTORS, 'mammo_plugins.engine.optimizers'
)
PARAM_SCHEDULERS = _child(roots.PARAM_SCHEDULERS)
RUNNERS = _child(roots.RUNNERS)
RUNNER_CONSTRUCTORS = _child(roots.RUNNER_CONSTRUCTORS)
STRATEGIES = _child(roots.STRATEGIES)
TASK_UTILS = _child(roots.TASK_UTILS, 'mammo_plugins.models')
TRANSFORMS = _child(roots.TRANSFORMS, 'mammo_plugins.datasets.transforms')
VISBACKENDS = _child(roots.VISBACKENDS, 'mammo_plugins.visualization')
VISUALIZERS = _child(roots.VISUALIZERS, 'mammo_plugins.visualization')
WEIGHT_INITIALIZERS = _child(roots.WEIGHT_INITIALIZERS)
