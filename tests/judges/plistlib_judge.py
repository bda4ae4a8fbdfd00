"""Reads property lists that are named by numbers from 0 on, in a folder, and writes each again in both forms.

Prints one line a file: its values as interop's `canonical` writes them, or `!` and why it cannot be read.
"""

import datetime
import pathlib
import plistlib
import struct
import sys


def text(string):
    octets = string.encode("utf-16-be", "surrogatepass")
    units = [int.from_bytes(octets[i : i + 2], "big") for i in range(0, len(octets), 2)]
    plain = [chr(it) if 0x20 <= it < 0x7F and chr(it) not in '"\\' else f"\\u{it:04x}" for it in units]
    return '"' + "".join(plain) + '"'


def canonical(value):
    match value:
        case dict():
            return "{" + ",".join(f"{text(key)}:{canonical(item)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ",".join(map(canonical, value)) + "]"
        case str():
            return text(value)
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case float():
            return "real " + struct.pack(">d", value).hex()
        case bytes():
            return "data " + value.hex()
        case datetime.datetime():
            return f"date {(value - datetime.datetime(1970, 1, 1)) // datetime.timedelta(seconds=1)}"
    raise TypeError(type(value))


def reread(file):
    try:
        value = plistlib.loads(file.read_bytes())
    except Exception as problem:
        return "!" + " ".join(f"{type(problem).__name__}: {problem}".split())
    for suffix, form in ((".xml", plistlib.FMT_XML), (".binary", plistlib.FMT_BINARY)):
        try:
            file.with_suffix(suffix).write_bytes(plistlib.dumps(value, fmt=form, sort_keys=False))
        except Exception as problem:
            return "!" + " ".join(f"writing{suffix}: {problem}".split())
    return canonical(value)


number = 0
while (file := pathlib.Path(sys.argv[1], str(number))).exists():
    print(reread(file))
    number += 1
