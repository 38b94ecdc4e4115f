"""How much memory a computation may take."""

import os

import torch

# The machine's memory is shared with other workers, the store and the web; what is free on a GPU is ours alone.
SHARE_OF_MEMORY = 0.1
# Temporary copies of a pass need the rest.
SHARE_OF_FREE = 0.4


def room_bytes(device: torch.device) -> int:
    """Bytes for one pass through a network: a share of what a GPU has free, or of the machine's memory."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free * SHARE_OF_FREE)
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * SHARE_OF_MEMORY)
