"""Dense heads."""

from .synced_rpn_head import SyncedRPNHead

__all__ = ['SyncedRPNHead']
