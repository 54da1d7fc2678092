# DIVF-Net, section 4.1: breasts of VinDr-Mammo, BI-RADS 2 (suspicious benign) against 4
# and 5 (suspicious malignancy); 2,337 + 494 breasts in the paper. Without a val part.
#     python tools/dataset_converters/vindr_mammo.py RAW_DIR --out data/vindr_mammo \
#         --val-share 0
data_set = dict(
    type='VinDrMammo',
    data_root='data/vindr_mammo/',
    labels=dict(field='birads', negative=('2',), positive=('4', '5')),
)
