"""Models by their first bytes: STL in both its forms, and Wavefront OBJ."""

import re
import struct

STL_HEAD_BYTES = 84  # a comment of 80, and the number of triangles
STL_TRIANGLE_BYTES = 50

_STL_TEXT = re.compile(rb"\s*solid\b[^\r\n]*[\r\n]+\s*facet\s+normal\b")
_OBJ_LINE = re.compile(rb"(?:v|vn|vt|vp|f|l|p|o|g|s|usemtl|mtllib|#|cstype|deg)(?:[ \t]|$)|$")


def is_stl(head: bytes, size: int) -> bool:
    """Text says so; in binary, nothing does but its length and its number of triangles."""
    if _STL_TEXT.match(head):
        return True
    if len(head) < STL_HEAD_BYTES:
        return False
    (count,) = struct.unpack_from("<I", head, STL_HEAD_BYTES - 4)
    return bool(count and size == STL_HEAD_BYTES + count * STL_TRIANGLE_BYTES)


def is_obj(head: bytes) -> bool:
    """Lines of which each begins with a word of it, corners among them."""
    if b"\0" in head or not re.search(rb"^v[ \t]+[-+.\d]", head, re.MULTILINE):
        return False
    lines = head.splitlines()[:-1] or head.splitlines()  # the last may be cut
    return all(_OBJ_LINE.match(line.strip()) for line in lines)
