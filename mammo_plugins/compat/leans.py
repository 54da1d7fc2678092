"""List of everything that we rely on in the libraries below us; see :mod:`.upstream`."""

from mammo_plugins.compat.assumptions import Assumption, Body, Exists, Takes, Uses

OF_ENGINE = (
    Assumption(
        'scope of a registry',
        {
            'mmengine.registry:Registry.switch_scope_and_registry': Uses(
                'import_module'
            ),
            'mmengine.registry:Registry.import_from_location': Uses('import_module'),
        },
        ('registry.py',),
        "MMEngine imports '<scope>.registry', 'mammo.registry' for ours, which "
        '`sys.modules` gives under that name; else names under default_scope=mammo are '
        'not found',
    ),
    Assumption(
        'loader of checkpoints',
        {
            'mmengine.runner.checkpoint:_safe_torch_load': Takes(
                'file, map_location, weights_only'
            ),
            'mmengine.runner.checkpoint:load_from_local': Uses('_safe_torch_load'),
            'mmengine.runner.checkpoint:load_from_http': Uses('load_url'),
            'mmengine.runner.checkpoint:load_url': Exists(),
            'mmengine.runner.checkpoint:get_torch_safe_globals': Takes(''),
        },
        ('engine/checkpoint.py',),
        'they are replaced by ones that run no code from a file; else the tools would '
        'load unsafe checkpoints',
    ),
    Assumption(
        'weights that a model starts from',
        {
            'mmengine.model:PretrainedInit.__call__': Body('b527707f9227'),
            'mmengine.model:PretrainedInit._get_init_info': Takes('self'),
            'mmengine.model:BaseModule._params_init_info': Exists(),
            'mmengine.runner.checkpoint:_load_checkpoint': Takes(
                'filename, map_location, logger'
            ),
        },
        ('engine/pretrained.py',),
        'its `__call__` is replaced by one that raises where weights do not fit; else '
        'a network would train on from random ones',
    ),
    Assumption(
        'what a checkpoint holds to go on from',
        {
            'mmengine.runner:Runner.resume': Body('e51c280163bf'),
            'mmengine.logging:HistoryBuffer._statistics_methods': Exists(),
        },
        (
            'engine/resuming.py',
            'engine/loops/stage_hook.py',
            'engine/hooks/checkpoint_check_hook.py',
        ),
        'it is checked before MMEngine uses it, and what is of a stage is put back as '
        '`resume` puts it back; a part that it began to use would be used unchecked',
    ),
    Assumption(
        'histories of logged values in a checkpoint',
        {
            'mmengine.logging:HistoryBuffer._log_history': Exists(),
            'mmengine.logging:HistoryBuffer._count_history': Exists(),
            'mmengine.logging:HistoryBuffer.max_length': Exists(),
            'mmengine.logging:HistoryBuffer._statistics_methods': Exists(),
        },
        ('engine/checkpoint_content.py',),
        'one holds these and nothing else; with a field more or less each checkpoint '
        'would be refused as broken',
    ),
    Assumption(
        'settings of a config without a component',
        {
            'mmengine.runner:Runner.set_randomness': Takes(
                'self, seed, diff_rank_seed, deterministic'
            ),
            'mmengine.runner:Runner.setup_env': Body('0b2e6c2c68e1'),
            'mmengine.runner:Runner.register_default_hooks': Body('a1731cb00fe6'),
        },
        ('apis/known_settings.py',),
        'misspelt ones are found by comparison with these: `randomness`, `env_cfg`, '
        '`default_hooks`; a new setting would be refused',
    ),
    Assumption(
        'names of pretrained weights',
        {
            'mmengine.runner.checkpoint:get_torchvision_models': Takes(''),
            'mmengine.runner.checkpoint:get_external_models': Takes(''),
            'mmengine.runner.checkpoint:get_mmcls_models': Takes(''),
        },
        ('engine/pretrained.py',),
        'they give the addresses of `torchvision://resnet50` and the like, for the '
        'message of what to fetch',
    ),
    Assumption(
        'files of this machine',
        {
            'mmengine.fileio:register_backend': Takes('name, backend, force, prefixes'),
            'mmengine.fileio:LocalBackend.put': Takes('self, obj, filepath'),
        },
        ('engine/work_dir.py',),
        'the backend of local files is replaced by one that writes checkpoints whole',
    ),
    Assumption(
        'what a run is about to do',
        {
            'mmengine.runner:Runner._resume': Exists(),
            'mmengine.runner:Runner._load_from': Exists(),
            'mmengine.runner:Runner._train_loop': Exists(),
            'mmengine.runner:Runner._val_loop': Exists(),
            'mmengine.runner:Runner._test_loop': Exists(),
        },
        (
            'apis/config_checks.py',
            'engine/hooks/checkpoint_check_hook.py',
            'engine/hooks/mammogram_visualization_hook.py',
            'engine/hooks/pixel_size_hook.py',
            'engine/hooks/random_state_hook.py',
            'engine/hooks/unreadable_images_hook.py',
            'engine/loops/stage_hook.py',
        ),
        'the public properties build loops when they are asked, and none tells of '
        'resuming; hooks judge a checkpoint by what the run does with it',
    ),
    Assumption(
        'training loop',
        {
            'mmengine.runner:EpochBasedTrainLoop.__init__': Body('33a2d39b315d'),
            'mmengine.runner:EpochBasedTrainLoop.run': Body('b2a27597b2f1'),
            'mmengine.runner:EpochBasedTrainLoop.run_epoch': Body('c0efb0a063fb'),
            'mmengine.runner:EpochBasedTrainLoop.max_epochs': Exists(),
            'mmengine.runner:EpochBasedTrainLoop.max_iters': Exists(),
            'mmengine.runner:EpochBasedTrainLoop._epoch': Exists(),
            'mmengine.runner:EpochBasedTrainLoop._iter': Exists(),
            'mmengine.runner:EpochBasedTrainLoop._max_iters': Exists(),
            'mmengine.runner:EpochBasedTrainLoop.stop_training': Exists(),
        },
        ('engine/loops/staged_train_loop.py',),
        'training in stages is its loop with other data, optimizer and length by '
        'stage; its `__init__` is skipped, `run` and `run_epoch` are written anew',
    ),
    Assumption(
        'what a runner builds for a training',
        {
            'mmengine.runner:Runner._train_dataloader': Exists(),
            'mmengine.runner:Runner._maybe_compile': Takes('self, target'),
            'mmengine.runner:Runner._randomness_cfg': Exists(),
            'mmengine.runner:Runner.scale_lr': Uses('_train_dataloader'),
        },
        ('engine/loops/staged_train_loop.py',),
        'each stage has it built for its own data',
    ),
    Assumption(
        'what hooks remember',
        {
            'mmengine.logging:MessageHub._resumed_keys': Exists(),
            'mmengine.hooks:IterTimerHook.time_sec_tot': Exists(),
            'mmengine.hooks:IterTimerHook.start_iter': Exists(),
            'mmengine.hooks:EarlyStoppingHook.wait_count': Exists(),
            'mmengine.hooks:EarlyStoppingHook.best_score': Exists(),
            'mmengine.hooks:CheckpointHook.best_ckpt_path': Exists(),
            'mmengine.hooks:CheckpointHook.best_ckpt_path_dict': Exists(),
            'mmengine.hooks:CheckpointHook.key_indicators': Exists(),
            'mmengine.hooks:CheckpointHook._save_best_checkpoint': Uses(
                'is_better_than'
            ),
            'mmengine.hooks:CheckpointHook.rule_map': Exists(),
        },
        ('engine/loops/stage_hook.py',),
        'a stage begins with patience, pace, losses and best checkpoint of its own',
    ),
    Assumption(
        'counting of updates',
        {
            'mmengine.optim:OptimWrapper._max_counts': Exists(),
            'mmengine.optim:OptimWrapper._inner_count': Exists(),
        },
        ('models/classifiers/dis_asym_net.py',),
        'two objectives make two updates an iteration; else the last gradients of an '
        'accumulation would be lost',
    ),
    Assumption(
        'one training step of several optimizers',
        {'mmengine.model:BaseModel.train_step': Body('8a06d3cb4195')},
        ('models/gans/blending_gan.py', 'models/classifiers/dis_asym_net.py'),
        'ours steps generator and discriminator, or two objectives, in its place',
    ),
    Assumption(
        'test step of several models',
        {'mmengine.model:BaseTTAModel.test_step': Uses('merge_preds')},
        ('models/test_time_augs/ensemble_model.py',),
        'theirs flips what a pipeline has flipped, of one model; ours flips batches '
        'and asks several models',
    ),
    Assumption(
        'forward pass of a training step',
        {
            'mmengine.model:BaseModel._run_forward': Takes('self, data, mode'),
            'mmengine.model:MMDistributedDataParallel._run_forward': Takes(
                'self, data, mode'
            ),
        },
        ('models/classifiers/dis_asym_net.py',),
        'one mixin makes the step of a model and of its wrapper with it',
    ),
    Assumption(
        'reading of config files',
        {
            'mmengine.config:Config._is_lazy_import': Takes('filename'),
            'mmengine.config:Config._get_cfg_path': Takes('cfg_path, filename'),
            'mmengine.config:Config._get_base_files': Takes('filename'),
        },
        ('apis/copied_settings.py', 'apis/config_loading.py'),
        'options without effect, and missing bases, are found by reading the files that '
        'a config inherits',
    ),
    Assumption(
        'configs of a package',
        {
            'mmengine.config.utils:MODULE2PACKAGE': Exists(),
            'mmengine.config:Config._get_cfg_path': Uses('_get_package_and_cfg_path'),
            'mmengine.hub.hub:get_config': Uses('_get_package_and_cfg_path'),
        },
        ('compat/config_names.py',),
        'replaced, by `sys.modules`, to know our names',
    ),
    Assumption(
        'data sets',
        {
            'mmengine.dataset:BaseDataset._load_metainfo': Takes('cls, metainfo'),
            'mmengine.dataset:BaseDataset._join_prefix': Takes('self'),
            'mmengine.dataset:BaseDataset.full_init': Uses('load_data_list'),
            'mmengine.dataset:BaseDataset.filter_data': Takes('self'),
            'mmengine.dataset:BaseDataset.load_data_list': Takes('self'),
            'mmengine.dataset:BaseDataset.get_cat_ids': Takes('self, idx'),
            'mmengine.dataset:BaseDataset.__getitem__': Uses('prepare_data'),
            'mmengine.dataset:BaseDataset.prepare_data': Takes('self, idx'),
        },
        (
            'engine/classes.py',
            'datasets/exam_dataset.py',
            'datasets/patch_dataset.py',
            'datasets/blending_dataset.py',
            'engine/hooks/unreadable_images_hook.py',
        ),
        'ours load exams, and are asked for their classes before they are built; a '
        'sample that is None is replaced by another',
    ),
    Assumption(
        'first weights of a module',
        {'mmengine.model:BaseModule.init_weights': Takes('self')},
        ('models/backbones/siamese.py',),
        'ours starts as the identity whatever `init_cfg` says',
    ),
    Assumption(
        'the notice of an absent client',
        {'mmengine.logging:print_log': Takes('msg, logger, level')},
        ('compat/quiet_imports.py',),
        'it is replaced by one that leaves out a line which mmdet and mmpretrain print '
        'at import',
    ),
    Assumption(
        'compiled modules',
        {
            'torch.nn:Module._compiled_call_impl': Exists(),
            'torch.nn:Module.compile': Uses('_compiled_call_impl'),
            'torch.nn:Module._wrapped_call_impl': Uses('_compiled_call_impl'),
        },
        ('engine/hooks/acceleration_hook.py',),
        'a module is compiled in place for training alone, and PyTorch has no way back; '
        'set to `None` it is called as it was',
    ),
    Assumption(
        'backends of logs',
        {
            'mmengine.visualization:MLflowVisBackend._init_env': Uses('_tracking_uri'),
            'mmengine.visualization:MLflowVisBackend._tracked_config_keys': Exists(),
            'mmengine.visualization:MLflowVisBackend.add_config': Body('aa56ddee856c'),
            'mmengine.visualization:MLflowVisBackend.add_scalar': Body('0fe10f185445'),
            'mmengine.visualization:WandbVisBackend._init_env': Uses('_init_kwargs'),
            'mmengine.visualization:WandbVisBackend._init_kwargs': Exists(),
            'mmengine.visualization:WandbVisBackend._log_code_name': Exists(),
            'mmengine.visualization:WandbVisBackend.add_config': Takes(
                'self, config, kwargs'
            ),
            'mmengine.visualization:WandbVisBackend.add_image': Body('73aa29c303e1'),
            'mmengine.visualization:Visualizer._instance_dict': Exists(),
        },
        ('visualization/backends.py', 'visualization/mammogram_visualizer.py'),
        'MLflow would refuse names and settings of ours, Weights & Biases upload code '
        'and what is printed; a visualizer is kept by its class',
    ),
)
OF_VISION = (
    Assumption(
        'operators of mmcv',
        {'mmcv.utils.ext_loader:load_ext': Uses('import_module')},
        ('compat/mmcv_ops.py',),
        'where mmcv has none compiled, `sys.modules` gives ours as `mmcv._ext`, which '
        '`load_ext` imports',
    ),
    Assumption(
        'change of size',
        {
            'mmcv.transforms:Resize._resize_img': Body('891d62a8406e'),
            'mmcv.transforms:Resize.transform': Uses('_resize_img'),
        },
        ('datasets/transforms/geometric.py',),
        'ours averages areas in its place',
    ),
    Assumption(
        'HRNet',
        {
            'mmdet.models.backbones:HRNet._make_layer': Takes(
                'self, block, inplanes, planes, blocks, stride'
            ),
            'mmdet.models.backbones:HRNet.__init__': Body('31deaa98f050'),
            'mmdet.models.backbones:HRNet.forward': Body('568bf7e9a970'),
        },
        (
            'models/backbones/hrnet.py',
            'models/backbones/siamese_hrnet.py',
            'models/backbones/siamese.py',
        ),
        'a narrow stem is built anew after its `__init__`; two images pass its stages '
        'together in place of its `forward`',
    ),
    Assumption(
        'ResNet',
        {'mmdet.models.backbones:ResNet.forward': Body('d1919a38a1dd')},
        ('models/backbones/siamese_resnet.py', 'models/backbones/siamese.py'),
        'two images pass its stages together in place of its `forward`',
    ),
    Assumption(
        'two-stage detector',
        {
            'mmdet.models:TwoStageDetector.loss': Body('15270ee6bf54'),
            'mmdet.models:TwoStageDetector.predict': Body('23f191cda6b5'),
            'mmdet.models:TwoStageDetector._forward': Body('6e02b51d63ec'),
        },
        ('models/detectors/ipsi_dual_net.py',),
        'ours does the same for two views at once',
    ),
    Assumption(
        'detectors without losses',
        {
            'mmdet.models.detectors:BaseDetector._forward': Takes(
                'self, batch_inputs, batch_data_samples'
            ),
            'mmdet.models.detectors:BaseDetector.forward': Uses('_forward'),
        },
        ('models/detectors/mommi_net.py', 'models/segmentors/bi_dual_net.py'),
        "mode 'tensor' calls it",
    ),
    Assumption(
        'gradient of RoIAlign',
        {'torch.ops:torchvision._roi_align_backward': Exists()},
        ('compat/roi_align_ops.py',),
        "what torchvision's own autograd calls; asking that would pool once more",
    ),
    Assumption(
        'RoI head',
        {
            'mmdet.models.roi_heads:StandardRoIHead._bbox_forward': Body(
                'a44c1c95d6fa'
            ),
            'mmdet.models.roi_heads:StandardRoIHead.loss': Body('b5ea81edb52e'),
            'mmdet.models.roi_heads:StandardRoIHead.forward': Uses('_bbox_forward'),
            'mmdet.models.roi_heads:StandardRoIHead.bbox_loss': Uses('_bbox_forward'),
            'mmdet.models.roi_heads:StandardRoIHead.predict_bbox': Uses(
                '_bbox_forward'
            ),
        },
        (
            'models/roi_heads/batched_roi_head.py',
            'models/roi_heads/relation_roi_head.py',
        ),
        'RoIs are related to those of the other view where it extracts them; it hands '
        'features through unchanged. In training ours looks at all images at once',
    ),
    Assumption(
        'mask branch',
        {
            'mmdet.models.roi_heads:StandardRoIHead._mask_forward': Takes(
                'self, x, rois, pos_inds, bbox_feats'
            ),
            'mmdet.models.roi_heads:StandardRoIHead.mask_loss': Body('27fdec08eb09'),
            'mmdet.models.roi_heads:StandardRoIHead.predict_mask': Body('eebeee5aeeb6'),
            'mmdet.models.roi_heads:StandardRoIHead.loss': Uses('mask_loss'),
            'mmdet.models.roi_heads:StandardRoIHead.with_mask': Exists(),
        },
        ('models/roi_heads/keypoint_roi_head.py',),
        'keypoints stand in its place',
    ),
    Assumption(
        'box head',
        {
            'mmdet.models.roi_heads.bbox_heads:ConvFCBBoxHead.forward': Body(
                'bb41a31224fd'
            )
        },
        ('models/roi_heads/relation_bbox_head.py',),
        'relation blocks stand between its layers',
    ),
    Assumption(
        'losses of the box head',
        {
            'mmdet.models.roi_heads.bbox_heads:BBoxHead.loss': Body('691474124412'),
            'mmdet.models.roi_heads.bbox_heads:BBoxHead._get_targets_single': Body(
                'acfbe98f9554'
            ),
        },
        (
            'models/roi_heads/synced_bbox_head.py',
            'models/roi_heads/batched_roi_head.py',
        ),
        'ours computes the same of positive boxes alone, for all images at once',
    ),
    Assumption(
        'losses and proposals of the RPN',
        {
            'mmdet.models:RPNHead.get_targets': Body('af6a56fd7da1'),
            'mmdet.models:RPNHead._get_targets_single': Body('b0c49e49b27d'),
            'mmdet.models:RPNHead.loss_by_feat_single': Body('eed1b4d8366d'),
            'mmdet.models:RPNHead._predict_by_feat_single': Body('1e784b6989f1'),
            'mmdet.models:RPNHead._bbox_post_process': Body('e19ce4a08da8'),
            'mmcv.ops:batched_nms': Body('d208950bffe1'),
        },
        (
            'models/dense_heads/synced_rpn_head.py',
            'models/dense_heads/batch_proposals.py',
        ),
        'the fifth of what the first returns is averaged over processes; the rest is '
        'computed for all images and levels at once',
    ),
    Assumption(
        'assigning and sampling',
        {
            'mmdet.models.task_modules:MaxIoUAssigner.assign': Body('bb97d8203495'),
            'mmdet.models.task_modules:MaxIoUAssigner.assign_wrt_overlaps': Body(
                '2cc99fb56210'
            ),
            'mmdet.models.task_modules:RandomSampler.sample': Body('c5f01b1ae6b2'),
        },
        (
            'models/task_modules/ignoring_max_iou_assigner.py',
            'models/task_modules/batch_random_sampling.py',
        ),
        'ours do the same for all images at once',
    ),
    Assumption(
        'image classifier',
        {
            'mmpretrain.models:ImageClassifier.extract_feat': Body('915d9d61f70d'),
            'mmpretrain.models:ImageClassifier.forward': Body('6f196e0de299'),
            'mmpretrain.models:ImageClassifier.loss': Body('d2b7a41496f2'),
            'mmpretrain.models:ImageClassifier.predict': Body('af08bcd6fb40'),
        },
        ('models/classifiers/divf_net.py', 'models/multi_view/model.py'),
        'ours takes two images a breast',
    ),
    Assumption(
        'head of a classifier',
        {
            'mmpretrain.models:ClsHead.forward': Body('7ffece056daa'),
            'mmpretrain.models:ClsHead.loss': Body('d1bf0f672473'),
            'mmpretrain.models:ClsHead.predict': Body('e708198728e3'),
        },
        ('models/heads/malignancy_head.py',),
        'ours has several tasks',
    ),
    Assumption(
        'checkpoints of low-rank changes',
        {
            'mmpretrain.models.peft:LoRAModel._register_state_dict_hooks': Takes(
                'self'
            ),
            'mmpretrain.models.peft:LoRAModel.__init__': Uses(
                '_register_state_dict_hooks'
            ),
        },
        ('models/backbones/lora_model.py',),
        'they are left whole',
    ),
    Assumption(
        'optional packages',
        {'mmpretrain.utils.dependency:WITH_MULTIMODAL': Exists()},
        ('compat/optional_packages.py',),
        'a `transformers` that mmpretrain cannot use is hidden in `sys.modules`, and '
        'this set to False, while its models load',
    ),
)
