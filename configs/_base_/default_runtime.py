custom_imports = dict(imports=['mammo_plugins'], allow_failed_imports=False)
default_scope = 'mammo'

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=3),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    rank_seed=dict(type='RankSeedHook'),
    # each process validates with the running statistics of the checkpoint
    sync_buffers=dict(type='SyncBuffersHook'),
    checkpoint_check=dict(type='CheckpointCheckHook'),
    data_summary=dict(type='DataSummaryHook'),
    finite=dict(type='FiniteHook'),
    pixel_size=dict(type='PixelSizeHook'),
    unreadable_images=dict(type='UnreadableImagesHook'),
    evaluation_output=dict(type='EvaluationOutputHook'),
    acceleration=dict(type='AccelerationHook'),
    # pictures, if there is a MammogramVisualizer: docs/how_to/logging.md
    visualization=dict(type='MammogramVisualizationHook'),
)

# use of the machine in training, docs/how_to/faster_training.md; the commands pass it to
# the hook
acceleration = dict(precision='auto', compile=False, activation_checkpointing=False)

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)

log_processor = dict(type='LogProcessor', window_size=50, by_epoch=True)
log_level = 'INFO'
randomness = dict(seed=0)
load_from = None
resume = False
