"""What goes wrong in zip archives."""

import struct
import zipfile
import zlib

# What Python's own reader raises at archives that are damaged, or that use what it does not know.
ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    NotImplementedError,
    ValueError,
    OverflowError,
    EOFError,
    OSError,
)
