"""Random numbers of its own for each process of a training."""

from mmengine.hooks import Hook
from mmengine.runner import Runner, set_random_seed

from mammo_plugins.registry import HOOKS


@HOOKS.register_module()
class RankSeedHook(Hook):
    """Let the processes of a distributed training draw different random numbers.

    MMEngine seeds all processes alike, and data loaders' workers differently. What a
    model draws itself (the jitter of NaFV-Net's masks, the shares of Mixup and CutMix,
    dropout, sampled RoIs) would so be the same for other exams in each process: fewer
    draws a step than there are exams. Processes of a rank above 0 are seeded anew, with
    the seed plus their rank, once the weights are there and data are shuffled by one
    seed, which ``randomness.diff_rank_seed=True`` would change, too.
    """

    def before_train(self, runner: Runner) -> None:
        """Seed the processes but the first."""
        if runner.rank:
            set_random_seed(runner.seed, diff_rank_seed=True)
