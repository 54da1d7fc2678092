# Masses of VinDr-Mammo, from BI-RADS 3 on; images with other findings alone count as normal.
#     python tools/dataset_converters/vindr_mammo.py RAW_DIR --out data/vindr_mammo
data_set = dict(type='VinDrMammo', data_root='data/vindr_mammo/')
