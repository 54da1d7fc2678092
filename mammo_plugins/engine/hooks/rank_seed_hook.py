"""Different random numbers for each process of a training."""

from mmengine.hooks import Hook
from mmengine.runner import Runner, set_random_seed

from mammo_plugins.registry import HOOKS


@HOOKS.register_module()
class RankSeedHook(Hook):
    """Let the processes of a distributed training draw different random numbers.

    MMEngine seeds all processes equally, and only data loader workers differently. The
    model's own random numbers (the jitter of NaFV-Net's masks, the shares of Mixup and
    CutMix, dropout, sampled RoIs) would therefore be the same in each process, although
    the exams differ. This hook reseeds processes of a rank above 0 with the seed plus
    their rank. It does so after the weights are initialized and the data are shuffled
    with a common seed, which ``randomness.diff_rank_seed=True`` would change as well.
    """

    def before_train(self, runner: Runner) -> None:
        """Reseed all processes except the first."""
        if runner.rank:
            set_random_seed(runner.seed, diff_rank_seed=True)
