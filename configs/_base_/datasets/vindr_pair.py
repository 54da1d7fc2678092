# DisAsymNet, section 3.1: VinDr-Mammo, abnormal = BI-RADS not 1, 8:1:1 by patient;
# 13,404 + 6,580 images in the paper.
#     python tools/dataset_converters/vindr_mammo.py RAW_DIR --out data/vindr_mammo \
#         --split ratio
data_set = dict(
    type='VinDrMammo',
    data_root='data/vindr_mammo/',
    labels=dict(
        field='birads', negative=('1',), positive=('0', '2', '3', '4', '5', '6')
    ),
)
