# Masses of VinDr-Mammo, BI-RADS 3 and higher; images with only other findings count as
# normal.
#     python tools/dataset_converters/vindr_mammo.py RAW_DIR --out data/vindr_mammo
data_set = dict(type='VinDrMammo', data_root='data/vindr_mammo/')
