"""How much memory a computation may take."""

import os

import torch

SHARE = 0.2


def room_bytes(device: torch.device) -> int:
    """Bytes for one pass through a network: a share of what a GPU has free, or of the machine's memory."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free * 2 * SHARE)
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * SHARE)
