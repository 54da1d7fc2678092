# NaFV-Net, experiments: CDD-CESM exams with four low-energy and four recombined
# images, BI-RADS 1 to 3 against 4 to 6; 92 + 167 cases in the paper. 7:2:1 by patient;
# for 10 folds convert with --split kfold --folds 10 --val-folds 2.
#     python tools/dataset_converters/cdd_cesm.py RAW_DIR --out data/cdd_cesm
data_set = dict(
    type='CDDCESM',
    data_root='data/cdd_cesm/',
    modality=('CEM-LE', 'CEM-RC'),
    labels=dict(field='birads', negative=('1', '2', '3'), positive=('4', '5', '6')),
    pipeline=dict(
        # sides of the classified images
        register=dict(modality='CEM-LE'),
        pack=dict(
            views=(
                'CEM-LE RCC',
                'CEM-LE LCC',
                'CEM-LE RMLO',
                'CEM-LE LMLO',
                'CEM-RC RCC',
                'CEM-RC LCC',
                'CEM-RC RMLO',
                'CEM-RC LMLO',
            )
        ),
    ),
)
